#include "tune/schedule/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace fettle {

namespace {
// Linear rise to 1 over the warm-up; the shapes below hold after it.
double rise(int64_t step, int64_t warmup) {
  return double(step) / double(std::max<int64_t>(1, warmup));
}

double progress(int64_t step, int64_t warmup, int64_t total) {
  return double(step - warmup) / double(std::max<int64_t>(1, total - warmup));
}

double linear(int64_t step, int64_t warmup, int64_t total) {
  return step < warmup ? rise(step, warmup) : std::max(0.0, 1.0 - progress(step, warmup, total));
}

double cosine(int64_t step, int64_t warmup, int64_t total) {
  if (step < warmup) return rise(step, warmup);
  return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress(step, warmup, total))));
}

double constant(int64_t, int64_t, int64_t) {
  return 1;
}

double constant_with_warmup(int64_t step, int64_t warmup, int64_t) {
  return step < warmup ? rise(step, warmup) : 1;
}

constexpr ScheduleRow kRows[] = {
    {ScheduleKind::linear, "linear", linear},
    {ScheduleKind::cosine, "cosine", cosine},
    {ScheduleKind::constant, "constant", constant},
    {ScheduleKind::constant_with_warmup, "constant_with_warmup", constant_with_warmup},
};
}  // namespace

std::span<const ScheduleRow> schedule_rows() {
  return kRows;
}

const ScheduleRow& schedule(ScheduleKind kind) {
  for (const ScheduleRow& row : kRows)
    if (row.kind == kind) return row;
  FETTLE_CHECK(false, "schedule {}", int(kind));
  return kRows[0];
}

int64_t warmup_updates(const TrainJob& job, int64_t total) {
  if (job.warmup_steps > 0) return job.warmup_steps;
  return int64_t(std::ceil(double(total) * job.warmup_ratio));
}

}  // namespace fettle
