#include "data/jinja/parser.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "data/jinja/expression_parser.h"

namespace fettle::jinja {

namespace {

constexpr int kMostDepth = 100;

using Words = std::initializer_list<std::string_view>;

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(tokenize(source)), expressions_(tokens_) {}

  Body whole() { return body({}); }

 private:
  struct Row {
    std::string_view word;
    StatementPtr (Parser::*read)(int line);
  };

  /// Up to a tag whose name is one of `ends`; that name is the next token then. No ends: the whole template.
  Body body(Words ends) {
    if (depth_ >= kMostDepth) tokens_.fail(fmt::format("blocks are nested more than {} deep", kMostDepth));
    ++depth_;
    Body result;
    const int begin = opened_;
    while (tokens_.now().kind != Token::Kind::end) {
      const int line = tokens_.line();
      const Token::Kind kind = tokens_.now().kind;
      if (kind == Token::Kind::text) {
        result.statements.push_back(text_output(line, tokens_.take().text));
      } else if (kind == Token::Kind::print_begin) {
        tokens_.take();
        result.statements.push_back(print_of(line, expressions_.tuple_or_expression()));
        tokens_.expect(Token::Kind::print_end, "`}}`");
      } else {
        tokens_.take();
        if (std::any_of(ends.begin(), ends.end(), [&](auto word) { return tokens_.now().is_name(word); })) {
          --depth_;
          return result;
        }
        result.statements.push_back(statement(line));
      }
    }
    if (ends.size())
      throw SyntaxFailure{fmt::format("no {{% {} %}} ends the block", *(ends.end() - 1)), begin};
    return result;
  }

  /// body(), the word that ended it, and the end of that tag.
  Body closed_body(std::string_view end) {
    Body result = body({end});
    tokens_.take();
    end_tag();
    return result;
  }

  void end_tag() { tokens_.expect(Token::Kind::tag_end, "`%}`"); }

  StatementPtr statement(int line) {
    static constexpr Row kRows[] = {
        {"if", &Parser::if_statement},       {"for", &Parser::for_statement},
        {"set", &Parser::set_statement},     {"macro", &Parser::macro_statement},
        {"call", &Parser::call_statement},   {"filter", &Parser::filter_statement},
        {"with", &Parser::with_statement},   {"generation", &Parser::generation_statement},
        {"break", &Parser::break_statement}, {"continue", &Parser::continue_statement},
        {"print", &Parser::print_statement},
    };
    const auto row = std::find_if(std::begin(kRows), std::end(kRows),
                                  [&](const Row& one) { return tokens_.now().is_name(one.word); });
    if (row == std::end(kRows))
      tokens_.fail(fmt::format("{} is no statement of chat templates here", tokens_.now().shown()));
    tokens_.take();
    const int around = std::exchange(opened_, line);
    StatementPtr made = (this->*row->read)(line);
    opened_ = around;
    return made;
  }

  StatementPtr if_statement(int line) {
    std::vector<Branch> branches;
    std::string word = "elif";
    while (word == "elif") {
      ExpressionPtr condition = expressions_.tuple_or_expression();
      end_tag();
      branches.push_back({std::move(condition), body({"elif", "else", "endif"})});
      word = tokens_.take().text;
    }
    end_tag();
    if (word == "else") branches.push_back({nullptr, closed_body("endif")});
    return if_of(line, std::move(branches));
  }

  StatementPtr for_statement(int line) {
    Loop loop{.target = target(/*attributes=*/false)};
    tokens_.expect_name("in");
    loop.iterated = expressions_.tuple_or_expression(/*choices=*/false);
    if (tokens_.skip_name("if")) loop.condition = expressions_.expression();
    loop.recursive = tokens_.skip_name("recursive");
    end_tag();
    ++loops_;
    loop.body = body({"else", "endfor"});
    --loops_;
    const bool otherwise = tokens_.take().text == "else";
    end_tag();
    if (otherwise) loop.otherwise = closed_body("endfor");
    return for_of(line, std::move(loop));
  }

  StatementPtr set_statement(int line) {
    Target assigned = target(/*attributes=*/true);
    if (tokens_.skip_sign("=")) {
      ExpressionPtr value = expressions_.tuple_or_expression();
      end_tag();
      return set_of(line, std::move(assigned), std::move(value));
    }
    ExpressionPtr filters = expressions_.filters(name_lookup(line, std::string(kCaptured)));
    end_tag();
    return set_block(line, std::move(assigned), std::move(filters), closed_body("endset"));
  }

  StatementPtr macro_statement(int line) {
    std::string name = tokens_.expect(Token::Kind::name, "the name of a macro");
    Signature signature = expressions_.signature();
    end_tag();
    return macro_definition(line, callable(std::move(name), std::move(signature), "endmacro"));
  }

  StatementPtr call_statement(int line) {
    Signature signature;
    if (tokens_.now().is_sign("(")) signature = expressions_.signature();
    auto [callee, arguments] = expressions_.call();
    end_tag();
    return call_block(line, std::move(callee), std::move(arguments),
                      callable("caller", std::move(signature), "endcall"));
  }

  Macro callable(std::string name, Signature signature, std::string_view end) {
    const size_t begin = tokens_.place();
    // A loop around the definition is not one that the body could leave.
    const int loops = std::exchange(loops_, 0);
    Macro macro{std::move(name), std::move(signature), closed_body(end)};
    loops_ = loops;
    macro.uses_varargs = tokens_.mentioned_since(begin, "varargs");
    macro.uses_kwargs = tokens_.mentioned_since(begin, "kwargs");
    return macro;
  }

  StatementPtr filter_statement(int line) {
    ExpressionPtr filters =
        expressions_.filters(expressions_.filter(name_lookup(line, std::string(kCaptured))));
    end_tag();
    return filter_block(line, std::move(filters), closed_body("endfilter"));
  }

  StatementPtr with_statement(int line) {
    std::vector<std::pair<Target, ExpressionPtr>> values;
    while (tokens_.now().kind != Token::Kind::tag_end) {
      if (!values.empty()) tokens_.expect_sign(",");
      Target assigned = target(/*attributes=*/false);
      tokens_.expect_sign("=");
      values.emplace_back(std::move(assigned), expressions_.expression());
    }
    end_tag();
    return with_of(line, std::move(values), closed_body("endwith"));
  }

  StatementPtr generation_statement(int line) {
    end_tag();
    return generation_of(line, closed_body("endgeneration"));
  }

  StatementPtr break_statement(int line) { return loop_jump(line, Flow::break_loop); }
  StatementPtr continue_statement(int line) { return loop_jump(line, Flow::continue_loop); }
  StatementPtr loop_jump(int line, Flow flow) {
    if (loops_ == 0) throw SyntaxFailure{"a jump outside of every loop", line};
    end_tag();
    return jump(line, flow);
  }

  StatementPtr print_statement(int line) {
    ExpressionPtr value = expressions_.expression();
    end_tag();
    return print_of(line, std::move(value));
  }

  /// `a`, `a, (b, c)`, or with `attributes` also `namespace.attribute`.
  Target target(bool attributes) {
    Target first = single_target(attributes);
    if (!tokens_.now().is_sign(",")) return first;
    Target all;
    all.parts.push_back(std::move(first));
    while (tokens_.skip_sign(",")) {
      if (tokens_.now().is_name("in") || tokens_.now().is_sign("=") || tokens_.now().is_sign(")")) break;
      all.parts.push_back(single_target(attributes));
    }
    return all;
  }

  Target single_target(bool attributes) {
    if (tokens_.skip_sign("(")) {
      if (++depth_ > kMostDepth) tokens_.fail("names to assign to are nested too deeply");
      Target inner = target(attributes);
      --depth_;
      tokens_.expect_sign(")");
      return inner;
    }
    Target one{.name = tokens_.expect(Token::Kind::name, "the name of a variable")};
    if (attributes && tokens_.skip_sign("."))
      one.attribute = tokens_.expect(Token::Kind::name, "the name of an attribute");
    return one;
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  int depth_ = 0, loops_ = 0;
  int opened_ = 1;  // the line of the innermost statement
};

}  // namespace

Body parse(std::string_view source) {
  return Parser(source).whole();
}

}  // namespace fettle::jinja
