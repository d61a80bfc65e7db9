// SPDX-License-Identifier: Apache-2.0
//
// Times between messages, columns and absl.
#pragma once

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace sluice::controlplane {

inline absl::Time time_of(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

inline void set_time(google::protobuf::Timestamp& to, absl::Time time) {
  const int64_t nanoseconds = absl::ToUnixNanos(time);
  to.set_seconds(nanoseconds / 1'000'000'000);
  to.set_nanos(static_cast<int32_t>(nanoseconds % 1'000'000'000));
}

}  // namespace sluice::controlplane
