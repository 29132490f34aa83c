// What every run begins with, in the order it is made.
#pragma once

#include <memory>

#include "data/chat_template.h"
#include "kernel/ops.h"
#include "tune/job.h"
#include "tune/load_data.h"

namespace fettle {

struct Session {
  /// Loads model and data and takes the machine; what was assumed is said. Error as the parts throw it.
  Session(const TrainJob& job, Listener& listener);

  std::shared_ptr<const Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  ChatTemplate chat;
  RunData data;
  std::unique_ptr<Ops> ops;
  DType compute;
};

/// The compute type a job asks for, or what this CPU is best at.
DType compute_type_of(const ModelJob& job);
std::unique_ptr<Ops> ops_of(const ModelJob& job);

}  // namespace fettle
