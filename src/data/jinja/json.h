// JSON documents to values and back.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "data/jinja/runtime.h"

namespace fettle::jinja {

/// Failure for whole numbers beyond 64 bits with sign, and for documents that are nested too deeply.
Value from_json(const nlohmann::ordered_json& json);

}  // namespace fettle::jinja
