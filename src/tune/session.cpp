#include "tune/session.h"

#include "kernel/cpu_ops.h"

namespace fettle {

Session::Session(const TrainJob& job, Listener& listener)
    : model(Model::load(job.model.model, listener)),
      tokenizer((settle_quantization(job.model, *model, listener), tokenizer_of(*model))),
      chat(chat_template_of(job.model, *model, tokenizer, listener)),
      data(load_data(job, chat, *model, listener)),
      ops(ops_of(job.model)),
      compute(compute_type_of(job.model)) {}

DType compute_type_of(const ModelJob& job) {
  return job.compute.value_or(row(choose_isa()).bf16_dot ? DType::bf16 : DType::f32);
}

std::unique_ptr<Ops> ops_of(const ModelJob& job) {
  return make_cpu_ops({.isa = choose_isa(), .threads = job.threads > 0 ? job.threads : usable_cores()});
}

}  // namespace fettle
