// `split` of dataset_info.json: which part of a dataset is read, in the notation of `datasets`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fettle {

/// The records that `split` takes of `count`, in order: "train", "train[:100]", "train[10%:-5]" (one % makes
/// both bounds percentages, rounded to the nearest record, halves to the even one), "train[:2]+train[-1:]".
/// Local files are all of one split, train; "all" is it too. Throws Error, its `where` empty, when it cannot
/// be read, names another split or takes nothing.
std::vector<int64_t> split_records(const std::string& split, int64_t count);

/// Throws the same Errors as far as they do not depend on the count.
void check_split(const std::string& split);

}  // namespace fettle
