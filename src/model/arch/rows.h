// The rows of the architecture table: one file each, listed in family.cpp.
#pragma once

#include "model/arch/family.h"

namespace fettle {

extern const FamilyRow kLlamaFamily;  // llama.cpp

}  // namespace fettle
