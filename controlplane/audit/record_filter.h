// SPDX-License-Identifier: Apache-2.0
//
// A query for flow records as a condition on the rows of a source.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/audit/segment/row_source.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

// The order of records in answers, the same before and after they are sealed.
struct RecordPlace {
  int64_t start_ns = 0;
  uint64_t segment = 0;
  uint64_t sequence = 0;
  uint32_t stream = 0;  // checksum of node and incarnation

  auto operator<=>(const RecordPlace&) const = default;
  // What the next page's request carries.
  std::string token() const;
  static std::optional<RecordPlace> parse(const std::string& token);
};

struct AddressRange {
  std::string first, last;  // of the same length
};

struct RecordCondition {
  std::vector<std::pair<Column, std::string>> names;  // a field's bytes
  std::optional<AddressRange> clients;
  std::optional<uint64_t> client_port, flow_id;
  int64_t since_ns = INT64_MIN, until_ns = INT64_MAX;
  bool ended_only = false;
  std::string would_refuse;  // empty: all
  std::optional<RecordPlace> after;

  // Errors: INVALID_ARGUMENT (prefix, page token).
  static absl::StatusOr<RecordCondition> of(const v1::QueryRecordsRequest& request);
};

struct FoundRow {
  RecordPlace place;
  size_t index = 0;  // in its block
};

// The condition in a source's own indexes.
class RowFilter {
 public:
  RowFilter(const RecordCondition& condition, const RowSource& source, uint64_t segment);

  // False: no row can fit.
  bool can_match() const { return can_match_; }
  // Appends the block's rows that fit.  Errors: of `RowSource::read`.
  absl::Status find(size_t block, std::vector<FoundRow>& found) const;

 private:
  absl::Status keep_equal(size_t block, Column column, uint64_t value,
                          std::vector<size_t>& rows) const;
  absl::Status keep_clients(size_t block, std::vector<size_t>& rows) const;
  absl::Status keep_states(size_t block, std::vector<size_t>& rows) const;
  absl::Status place(size_t block, const std::vector<size_t>& rows,
                     std::vector<FoundRow>& found) const;

  const RecordCondition& condition_;
  const RowSource& source_;
  const uint64_t segment_;
  bool can_match_ = true;
  std::vector<std::pair<Column, uint64_t>> equal_;
  std::vector<bool> clients_;   // by index; empty: all
  std::vector<bool> refusals_;  // by index; empty: all
};

// Nanoseconds since 1970; clamped to the representable years.
int64_t to_nanoseconds(const google::protobuf::Timestamp& time);

}  // namespace sluice::controlplane
