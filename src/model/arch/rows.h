// The rows of the architecture table: one file each, listed in family.cpp.
#pragma once

#include "model/arch/family.h"

namespace fettle {

extern const FamilyRow kLlamaFamily;   // llama.cpp
extern const FamilyRow kQwen2Family;   // qwen2.cpp
extern const FamilyRow kQwen3Family;   // qwen3.cpp
extern const FamilyRow kGemma3Family;  // gemma3.cpp

}  // namespace fettle
