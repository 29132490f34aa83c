// The rows of template_rows(), one file per template or family.
#pragma once

#include "data/chat_template.h"

namespace fettle::templates {

extern const TemplateRow kAlpaca, kDefault, kEmpty, kGemma3, kLlama2, kLlama3, kMistral, kQwen, kQwen3,
    kQwen3NoThink, kSmolLm, kSmolLm2;

}  // namespace fettle::templates
