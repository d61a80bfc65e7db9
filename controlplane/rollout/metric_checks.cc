// SPDX-License-Identifier: Apache-2.0
//
// Whether a metric is within its bounds.
#include "controlplane/rollout/metric_checks.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "controlplane/rollout/proto_time.h"

namespace sluice::controlplane {
namespace {

constexpr absl::Duration kStaleAfterDefault = absl::Minutes(1);

void judge(const v1::RolloutMetric& metric, double value, v1::RolloutCheck& check) {
  check.set_candidate(value);
  check.set_result(v1::RolloutVerdict::RESULT_PASS);
  check.set_bound(metric.has_max() ? metric.max() : metric.min());
  // NaN is the answer to 0/0: no data, and neither inside nor outside of the bounds.
  if (std::isnan(value)) {
    check.set_result(v1::RolloutVerdict::RESULT_NO_DATA);
    check.set_message("its value is not a number");
  } else if (metric.has_max() && value > metric.max()) {
    check.set_result(v1::RolloutVerdict::RESULT_FAIL);
    check.set_message(absl::StrCat(value, ", at most ", metric.max()));
  } else if (metric.has_min() && value < metric.min()) {
    check.set_result(v1::RolloutVerdict::RESULT_FAIL);
    check.set_bound(metric.min());
    check.set_message(absl::StrCat(value, ", at least ", metric.min()));
  } else {
    check.set_message(absl::StrCat(value));
  }
}

}  // namespace

v1::RolloutCheck metric_check(const v1::RolloutMetric& metric, const MetricReading* reading,
                              absl::Time now) {
  v1::RolloutCheck check;
  check.set_name(metric.name());
  check.set_p_value(1);
  const absl::Duration stale_after =
      metric.has_stale_after() ? duration_from(metric.stale_after()) : kStaleAfterDefault;
  const bool is_stale = reading == nullptr || now - reading->time > stale_after;
  if (!is_stale) {
    judge(metric, reading->value, check);
    return check;
  }
  check.set_result(v1::RolloutVerdict::RESULT_NO_DATA);
  if (reading != nullptr && !reading->error.empty()) {
    check.set_message(reading->error);
  } else {
    check.set_message(absl::StrCat("no value for ", absl::FormatDuration(stale_after)));
  }
  return check;
}

}  // namespace sluice::controlplane
