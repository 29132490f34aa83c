// The groups that template_rows() joins: one file per family.
#pragma once

#include "data/template_row.h"

namespace fettle::templates {

using Rows = std::span<const TemplateRow>;

extern const Rows kChatml, kDeepseek, kGemma, kGlm, kGranite, kHunyuan, kIntern, kLlama, kLlava, kMistral,
    kOthers, kPhi, kPlain, kQwen, kRemoved;

}  // namespace fettle::templates
