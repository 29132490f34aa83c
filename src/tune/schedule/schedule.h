// Learning-rate schedules as transformers defines them: a row per lr_scheduler_type.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tune/job.h"

namespace fettle {

/// `step` counts finished updates: the first update runs at factor(0). Total and warm-up in updates.
struct ScheduleRow {
  ScheduleKind kind;
  std::string_view name;  // lr_scheduler_type
  double (*factor)(int64_t step, int64_t warmup, int64_t total);
};

std::span<const ScheduleRow> schedule_rows();
const ScheduleRow& schedule(ScheduleKind kind);

/// warmup_steps, or ⌈warmup_ratio · total⌉ when no steps are given.
int64_t warmup_updates(const TrainJob& job, int64_t total);

}  // namespace fettle
