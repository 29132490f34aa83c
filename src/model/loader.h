// Builds a Model from an opened file: every tensor is claimed by a row of its family, checked, and mapped.
#pragma once

#include <set>
#include <string_view>

#include "format/tensor_file.h"
#include "model/model.h"

namespace fettle {

class ModelLoader {
 public:
  ModelLoader() : model_(std::make_shared<Model>()) {}

  /// Opens what `path` names: see Model::load.
  std::shared_ptr<const Model> load(const std::filesystem::path& path, Listener& listener);

 private:
  void open_gguf(const std::filesystem::path& file);
  void open_hf(const std::filesystem::path& folder);
  void read_chat_template(const std::filesystem::path& folder);
  void check_hyper_params() const;
  void check_rope(const RopeParams& rope) const;
  void find_prefix();
  void claim_all();
  void order_tensors();
  void claim(const TensorRow& row, int64_t layer);
  void store_matrix(const TensorRow& row, int64_t layer, const TensorEntry& tensor);
  void store_vector(const TensorRow& row, int64_t layer, const TensorEntry& tensor);
  void refuse_unclaimed(Listener& listener) const;
  std::string file_name(const TensorRow& row, int64_t layer) const;

  struct Prefix {
    std::string_view in_file, in_table;
  };
  std::shared_ptr<Model> model_;
  Prefix prefix_;
  std::set<std::string_view> claimed_;
};

/// True when `name` matches `pattern`, whose '*' stands for any text.
bool glob_match(std::string_view pattern, std::string_view name);

}  // namespace fettle
