// Snappy's raw format (no framing), as pages of Parquet files hold it.
#pragma once

#include <span>
#include <string_view>

namespace fettle {

/// Fills `out`, whose size is what the block must unpack to. Throws an Error without a place.
void unpack_snappy(std::string_view block, std::span<char> out);

}  // namespace fettle
