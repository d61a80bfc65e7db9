// SPDX-License-Identifier: Apache-2.0
//
// A query for flow records as the SQL condition that answers it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

struct Blob {
  std::string bytes;
};
using SqlValue = std::variant<int64_t, std::string, Blob>;

struct SqlCondition {
  std::string text = "1";  // with one "?" per value
  std::vector<SqlValue> values;
};

// Over the columns of `record` and `stream`.
// Errors: INVALID_ARGUMENT (prefix, page token).
absl::StatusOr<SqlCondition> record_condition(const v1::QueryRecordsRequest& request);

// Where the next page begins: after the record with this start time and row number.
std::string record_page_token(int64_t start_ns, int64_t id);

// Nanoseconds since 1970; clamped to the representable years.
int64_t to_nanoseconds(const google::protobuf::Timestamp& time);

}  // namespace sluice::controlplane
