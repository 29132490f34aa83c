#include "data/jinja/expression_parser.h"

#include <algorithm>
#include <charconv>
#include <span>

namespace fettle::jinja {

namespace {

// A tree is walked and taken down by recursion: neither brackets nor chains may be arbitrarily long.
constexpr int kMostDepth = 100, kMostLinks = 2000;

using Signs = std::span<const std::string_view>;
constexpr std::string_view kSums[] = {"+", "-"}, kProducts[] = {"*", "/", "//", "%"}, kPowers[] = {"**"};
constexpr Signs kLevels[] = {kSums, kProducts, kPowers};  // weakest first; `~` lies between the first two

constexpr std::string_view kComparisons[] = {"==", "!=", "<", "<=", ">", ">="};

bool is_one_of(const Token& token, Signs signs) {
  return token.kind == Token::Kind::sign && std::find(signs.begin(), signs.end(), token.text) != signs.end();
}

}  // namespace

class ExpressionParser::Deeper {
 public:
  explicit Deeper(ExpressionParser& parser) : parser_(parser) {
    if (parser.depth_ == 0) parser.links_ = 0;
    if (parser.depth_ >= kMostDepth)
      parser.tokens_.fail(fmt::format("an expression is nested more than {} deep", kMostDepth));
    ++parser.depth_;
  }
  ~Deeper() { --parser_.depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;

 private:
  ExpressionParser& parser_;
};

void ExpressionParser::count_link() {
  if (++links_ > kMostLinks) tokens_.fail(fmt::format("an expression of more than {} parts", kMostLinks));
}

ExpressionPtr ExpressionParser::tuple_or_expression(bool choices) {
  const int line = tokens_.line();
  std::vector<ExpressionPtr> items;
  bool tuple = false;
  do {
    if (!items.empty()) {
      tuple = true;
      if (tokens_.now().kind == Token::Kind::tag_end || tokens_.now().kind == Token::Kind::print_end ||
          tokens_.now().is_sign(")"))
        break;
    }
    items.push_back(choices ? expression() : either());
  } while (tokens_.skip_sign(","));
  if (!tuple) return std::move(items.front());
  return list_of(line, std::move(items), true);
}

ExpressionPtr ExpressionParser::expression() {
  const Deeper deeper(*this);
  ExpressionPtr value = either();
  while (tokens_.now().is_name("if")) {
    const int line = tokens_.take().line;
    count_link();
    ExpressionPtr condition = either();
    ExpressionPtr otherwise = tokens_.skip_name("else") ? expression() : nullptr;
    value = choice(line, std::move(condition), std::move(value), std::move(otherwise));
  }
  return value;
}

ExpressionPtr ExpressionParser::either() {
  const Deeper deeper(*this);
  ExpressionPtr left = both();
  while (tokens_.now().is_name("or")) {
    const int line = tokens_.take().line;
    count_link();
    left = logic_of(line, false, std::move(left), both());
  }
  return left;
}

ExpressionPtr ExpressionParser::both() {
  ExpressionPtr left = negated();
  while (tokens_.now().is_name("and")) {
    const int line = tokens_.take().line;
    count_link();
    left = logic_of(line, true, std::move(left), negated());
  }
  return left;
}

ExpressionPtr ExpressionParser::negated() {
  const int line = tokens_.line();
  if (!tokens_.skip_name("not")) return compared();
  const Deeper deeper(*this);
  return negation(line, negated());
}

std::string ExpressionParser::comparison_sign() {
  if (is_one_of(tokens_.now(), kComparisons)) return tokens_.take().text;
  if (tokens_.skip_name("in")) return "in";
  if (!tokens_.now().is_name("not") || !tokens_.next_one().is_name("in")) return "";
  tokens_.take();
  tokens_.take();
  return "not in";
}

ExpressionPtr ExpressionParser::compared() {
  const int line = tokens_.line();
  ExpressionPtr first = chain(0);
  std::vector<std::pair<std::string, ExpressionPtr>> rest;
  for (std::string sign = comparison_sign(); !sign.empty(); sign = comparison_sign()) {
    count_link();
    rest.emplace_back(std::move(sign), chain(0));
  }
  if (rest.empty()) return first;
  return comparison(line, std::move(first), std::move(rest));
}

ExpressionPtr ExpressionParser::chain(size_t level) {
  const auto operand = [&] {
    return level == 0 ? concatenated() : level + 1 < std::size(kLevels) ? chain(level + 1) : unary(true);
  };
  ExpressionPtr left = operand();
  while (is_one_of(tokens_.now(), kLevels[level])) {
    count_link();
    const Token sign = tokens_.take();
    left = arithmetic_of(sign.line, sign.text, std::move(left), operand());
  }
  return left;
}

ExpressionPtr ExpressionParser::concatenated() {
  const int line = tokens_.line();
  std::vector<ExpressionPtr> parts;
  do parts.push_back(chain(1));
  while (tokens_.skip_sign("~"));
  return parts.size() == 1 ? std::move(parts.front()) : concatenation(line, std::move(parts));
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  const Deeper deeper(*this);
  const int line = tokens_.line();
  ExpressionPtr value;
  if (tokens_.now().is_sign("-") || tokens_.now().is_sign("+")) {
    const bool minus = tokens_.take().text == "-";
    value = signed_of(line, unary(false), minus);
  } else {
    value = primary();
  }
  value = postfix(std::move(value), true);
  return with_filters ? filters_and_tests(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::primary() {
  const int line = tokens_.line();
  switch (tokens_.now().kind) {
    case Token::Kind::name:
      return name_or_constant();
    case Token::Kind::whole:
    case Token::Kind::real:
      return number();
    case Token::Kind::string: {
      std::string text;
      while (tokens_.now().kind == Token::Kind::string) text += tokens_.take().text;
      return literal(line, Value(std::move(text)));
    }
    default:
      if (tokens_.skip_sign("(")) return parenthesized();
      if (tokens_.skip_sign("[")) return list();
      if (tokens_.skip_sign("{")) return dict();
      tokens_.fail_expecting("a value");
  }
}

ExpressionPtr ExpressionParser::name_or_constant() {
  const Token name = tokens_.take();
  if (name.text == "true" || name.text == "True") return literal(name.line, true);
  if (name.text == "false" || name.text == "False") return literal(name.line, false);
  if (name.text == "none" || name.text == "None") return literal(name.line, None());
  return name_lookup(name.line, name.text);
}

ExpressionPtr ExpressionParser::number() {
  const Token token = tokens_.take();
  const char *begin = token.text.data(), *end = begin + token.text.size();
  double real = 0;
  int64_t whole = 0;
  const bool is_real = token.kind == Token::Kind::real;
  const auto [last, error] = is_real ? std::from_chars(begin, end, real) : std::from_chars(begin, end, whole);
  if (error != std::errc() || last != end)
    throw SyntaxFailure{fmt::format("{} is out of range", token.text), token.line};
  return literal(token.line, is_real ? Value(real) : Value(whole));
}

ExpressionPtr ExpressionParser::parenthesized() {
  const int line = tokens_.line();
  if (tokens_.skip_sign(")")) return list_of(line, {}, true);
  ExpressionPtr value = tuple_or_expression();
  tokens_.expect_sign(")");
  return value;
}

ExpressionPtr ExpressionParser::list() {
  const int line = tokens_.line();
  std::vector<ExpressionPtr> items;
  while (!tokens_.skip_sign("]")) {
    if (!items.empty()) tokens_.expect_sign(",");
    if (tokens_.skip_sign("]")) break;
    items.push_back(expression());
  }
  return list_of(line, std::move(items), false);
}

ExpressionPtr ExpressionParser::dict() {
  const int line = tokens_.line();
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
  while (!tokens_.skip_sign("}")) {
    if (!items.empty()) tokens_.expect_sign(",");
    if (tokens_.skip_sign("}")) break;
    ExpressionPtr key = expression();
    tokens_.expect_sign(":");
    items.emplace_back(std::move(key), expression());
  }
  return dict_of(line, std::move(items));
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr subject, bool calls) {
  for (;;) {
    const int line = tokens_.line();
    count_link();
    if (tokens_.skip_sign("."))
      subject = attribute(std::move(subject));
    else if (tokens_.skip_sign("["))
      subject = subscript(std::move(subject));
    else if (calls && tokens_.now().is_sign("("))
      subject = call_of(line, std::move(subject), arguments());
    else
      return subject;
  }
}

ExpressionPtr ExpressionParser::attribute(ExpressionPtr subject) {
  if (tokens_.now().kind == Token::Kind::whole) {
    const int line = tokens_.line();
    return item_of(line, std::move(subject), number());
  }
  const int line = tokens_.line();
  return attribute_of(line, std::move(subject), tokens_.expect(Token::Kind::name, "a name or a number"));
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr subject) {
  const int line = tokens_.line();
  ExpressionPtr bounds[3];
  int colons = 0;
  while (!tokens_.now().is_sign("]")) {
    if (tokens_.now().is_sign(":")) {
      if (++colons > 2) tokens_.fail_expecting("`]`");
      tokens_.take();
    } else if (bounds[colons]) {
      tokens_.fail_expecting("`]` or `:`");
    } else {
      bounds[colons] = expression();
    }
  }
  if (colons == 0 && !bounds[0]) tokens_.fail_expecting("an index");
  tokens_.expect_sign("]");
  if (colons == 0) return item_of(line, std::move(subject), std::move(bounds[0]));
  return slice_of(line, std::move(subject), std::move(bounds[0]), std::move(bounds[1]), std::move(bounds[2]));
}

ExpressionPtr ExpressionParser::filters_and_tests(ExpressionPtr subject) {
  for (;;) {
    const int line = tokens_.line();
    count_link();
    if (tokens_.skip_sign("|"))
      subject = filter(std::move(subject));
    else if (tokens_.skip_name("is"))
      subject = test(std::move(subject));
    else if (tokens_.now().is_sign("("))
      subject = call_of(line, std::move(subject), arguments());
    else
      return subject;
  }
}

ExpressionPtr ExpressionParser::filters(ExpressionPtr subject) {
  const Deeper deeper(*this);
  while (tokens_.skip_sign("|")) {
    count_link();
    subject = filter(std::move(subject));
  }
  return subject;
}

ExpressionPtr ExpressionParser::filter(ExpressionPtr subject) {
  const int line = tokens_.line();
  std::string name = tokens_.expect(Token::Kind::name, "the name of a filter");
  ArgumentList given = tokens_.now().is_sign("(") ? arguments() : ArgumentList();
  return filter_of(line, std::move(subject), std::move(name), std::move(given));
}

ExpressionPtr ExpressionParser::test(ExpressionPtr subject) {
  const int line = tokens_.line();
  const bool negative = tokens_.skip_name("not");
  std::string name = tokens_.expect(Token::Kind::name, "the name of a test");
  ArgumentList given;
  const Token& next = tokens_.now();
  const bool word = next.is_name("else") || next.is_name("or") || next.is_name("and") || next.is_name("if") ||
                    next.is_name("is") || next.is_name("in") || next.is_name("not");
  if (next.is_sign("(")) {
    given = arguments();
  } else if ((next.kind >= Token::Kind::name && next.kind <= Token::Kind::string && !word) ||
             next.is_sign("[") || next.is_sign("{")) {
    given.positional.push_back(postfix(primary(), true));
  }
  ExpressionPtr result = test_of(line, std::move(subject), std::move(name), std::move(given));
  return negative ? negation(line, std::move(result)) : std::move(result);
}

ArgumentList ExpressionParser::arguments() {
  const Deeper deeper(*this);
  ArgumentList list;
  tokens_.expect_sign("(");
  for (bool first = true; !tokens_.skip_sign(")"); first = false) {
    if (!first) tokens_.expect_sign(",");
    if (tokens_.skip_sign(")")) break;
    argument(list);
  }
  return list;
}

void ExpressionParser::argument(ArgumentList& list) {
  ExpressionPtr* const rest = tokens_.now().is_sign("*")    ? &list.rest
                              : tokens_.now().is_sign("**") ? &list.named_rest
                                                            : nullptr;
  if (rest) {
    if (*rest) tokens_.fail("a second list of further arguments in one call");
    tokens_.take();
    *rest = expression();
  } else if (tokens_.now().kind == Token::Kind::name && tokens_.next_one().is_sign("=")) {
    std::string name = tokens_.take().text;
    tokens_.take();
    list.named.emplace_back(std::move(name), expression());
  } else {
    if (!list.named.empty() || list.rest)
      tokens_.fail("an argument without a name behind one that has a name");
    list.positional.push_back(expression());
  }
}

std::pair<ExpressionPtr, ArgumentList> ExpressionParser::call() {
  ExpressionPtr callee = postfix(primary(), false);
  return {std::move(callee), arguments()};
}

Signature ExpressionParser::signature() {
  Signature signature;
  tokens_.expect_sign("(");
  while (!tokens_.skip_sign(")")) {
    if (!signature.names.empty()) tokens_.expect_sign(",");
    if (tokens_.skip_sign(")")) break;
    signature.names.push_back(tokens_.expect(Token::Kind::name, "the name of a parameter"));
    if (tokens_.skip_sign("="))
      signature.defaults.push_back(expression());
    else if (!signature.defaults.empty())
      tokens_.fail_expecting("`=`: every parameter behind one with a default has one too");
  }
  return signature;
}

}  // namespace fettle::jinja
