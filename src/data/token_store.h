// Encoded samples in a file: the cache behind tokenized_path.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include "base/listener.h"
#include "data/dataset.h"

namespace fettle {

struct StoredSet {
  std::string name;
  bool trained = false;  // false: held back, or of eval_dataset
  Dataset data;
};

/// What was made from `key`, and what was said while it was made: whoever reads it hears it again.
struct TokenStore {
  std::vector<Note> notes;
  std::vector<StoredSet> sets;
};

/// Visible in full or not at all. Throws Error when the disk does.
void write_token_store(const std::filesystem::path& file, const nlohmann::ordered_json& key,
                       const TokenStore& store);

/// The key that `file` was written with. Throws Error when it is no such file or of another version.
nlohmann::ordered_json token_store_key(const std::filesystem::path& file);

/// Ids, labels and borders stay where they lie in the file, which is mapped. Throws Error when the file is
/// cut off or damaged (every set carries the fingerprint of its tokens), or has ids that a vocabulary of
/// `vocab_size` has not.
TokenStore read_token_store(const std::filesystem::path& file, int64_t vocab_size);

}  // namespace fettle
