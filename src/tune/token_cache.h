// tokenized_path: encoded samples kept from one start to the next.
#pragma once

#include "tune/load_data.h"

namespace fettle {

/// The samples of `job`, from its tokenized_path when they were made there from the same content of data, by
/// the same template, tokenizer and options; else encoded and kept there. What the kept ones were made from
/// lies beside them and is compared: a difference is named, and they are replaced. What was said when they
/// were made is said again. A dry run takes them but keeps none. Error for a path that is a file, or a folder
/// that LLaMA-Factory filled.
RunData cached_data(const TrainJob& job, const ChatTemplate& chat, const Model& model, Listener& listener);

}  // namespace fettle
