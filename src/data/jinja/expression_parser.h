// The grammar of expressions.
#pragma once

#include "data/jinja/nodes.h"
#include "data/jinja/token_stream.h"

namespace fettle::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  /// An expression, or several with commas between them: a tuple. `choices`: `a if b else c` may stand here
  /// (it may not where a loop's own `if` follows).
  ExpressionPtr tuple_or_expression(bool choices = true);
  ExpressionPtr expression();
  /// name|…|… behind the subject (null: what a block captured).
  ExpressionPtr filters(ExpressionPtr subject);
  ExpressionPtr filter(ExpressionPtr subject);
  /// A name, or a name with attributes and the arguments behind it: what a call block calls.
  std::pair<ExpressionPtr, ArgumentList> call();
  Signature signature();

 private:
  class Deeper;
  void count_link();
  ExpressionPtr either();
  ExpressionPtr both();
  ExpressionPtr negated();
  ExpressionPtr compared();
  std::string comparison_sign();
  ExpressionPtr chain(size_t level);
  ExpressionPtr concatenated();
  ExpressionPtr unary(bool with_filters);
  ExpressionPtr primary();
  ExpressionPtr name_or_constant();
  ExpressionPtr number();
  ExpressionPtr parenthesized();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr postfix(ExpressionPtr subject, bool calls);
  ExpressionPtr filters_and_tests(ExpressionPtr subject);
  ExpressionPtr test(ExpressionPtr subject);
  ExpressionPtr subscript(ExpressionPtr subject);
  ExpressionPtr attribute(ExpressionPtr subject);
  ArgumentList arguments();
  void argument(ArgumentList& list);

  TokenStream& tokens_;
  int depth_ = 0, links_ = 0;
};

}  // namespace fettle::jinja
