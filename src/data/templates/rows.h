// The rows of template_rows(), one file per template or family.
#pragma once

#include "data/chat_template.h"

namespace fettle::templates {

extern const TemplateRow kDefault, kEmpty, kAlpaca, kLlama2, kLlama3, kMistral, kSmolLm, kSmolLm2;

}  // namespace fettle::templates
