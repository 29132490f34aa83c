#include "data/templates/rows.h"

namespace fettle {

std::span<const TemplateRow* const> template_rows() {
  using namespace templates;
  static constexpr const TemplateRow* kRows[] = {
      &kAlpaca,  &kDefault, &kEmpty, &kGemma3,       &kLlama2, &kLlama3,
      &kMistral, &kQwen,    &kQwen3, &kQwen3NoThink, &kSmolLm, &kSmolLm2,
  };
  return kRows;
}

}  // namespace fettle
