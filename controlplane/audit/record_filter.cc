// SPDX-License-Identifier: Apache-2.0
//
// A query for flow records as a condition on the rows of a source.
#include "controlplane/audit/record_filter.h"

#include <arpa/inet.h>

#include <algorithm>
#include <numeric>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controlplane/audit/segment/crc32c.h"
#include "controlplane/audit/segment/record_wire.h"

namespace sluice::controlplane {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int64_t kSecondsMax = 9'000'000'000;  // the year 2255; in nanoseconds it fits 64 bits

std::optional<std::string> address_bytes(const std::string& text) {
  std::string bytes(16, '\0');
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(4);
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

absl::StatusOr<AddressRange> address_range(const std::string& prefix) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(prefix, absl::MaxSplits('/', 1));
  const std::optional<std::string> address = address_bytes(parts.first);
  size_t length = address ? address->size() * 8 : 0;
  const bool has_length = prefix.find('/') != std::string::npos;
  if (!address ||
      (has_length && (!absl::SimpleAtoi(parts.second, &length) || length > address->size() * 8))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "client_prefix: ", prefix, " is no address and no prefix, such as 198.51.100.0/24"));
  }
  AddressRange range{*address, *address};
  for (size_t i = 0; i < address->size(); ++i) {
    const size_t kept = std::min<size_t>(8, length > i * 8 ? length - i * 8 : 0);
    const auto host_bits = static_cast<unsigned char>(0xffU >> kept);
    const auto byte = static_cast<unsigned char>((*address)[i]);
    range.first[i] = static_cast<char>(byte & ~host_bits);
    range.last[i] = static_cast<char>(byte | host_bits);
  }
  return range;
}

template <class Keep>
void keep_rows(std::vector<size_t>& rows, Keep&& keep) {
  rows.erase(std::remove_if(rows.begin(), rows.end(), [&](size_t row) { return !keep(row); }),
             rows.end());
}

}  // namespace

std::string RecordPlace::token() const {
  return absl::StrCat(start_ns, ":", segment, ":", sequence, ":", stream);
}

std::optional<RecordPlace> RecordPlace::parse(const std::string& token) {
  const std::vector<std::string> parts = absl::StrSplit(token, ':');
  RecordPlace place;
  if (parts.size() != 4 || !absl::SimpleAtoi(parts[0], &place.start_ns) ||
      !absl::SimpleAtoi(parts[1], &place.segment) || !absl::SimpleAtoi(parts[2], &place.sequence) ||
      !absl::SimpleAtoi(parts[3], &place.stream)) {
    return std::nullopt;
  }
  return place;
}

absl::StatusOr<RecordCondition> RecordCondition::of(const v1::QueryRecordsRequest& request) {
  const v1::FlowFilter& filter = request.filter();
  const std::pair<Column, const std::string&> names[] = {
      {Column::kService, filter.service()}, {Column::kClientClass, filter.client_class()},
      {Column::kRoute, filter.route()},     {Column::kPool, filter.pool()},
      {Column::kBackend, filter.backend()}, {Column::kNode, filter.node()}};
  RecordCondition condition;
  for (const auto& [column, name] : names) {
    if (!name.empty()) condition.names.emplace_back(column, text_field(column, name));
  }
  if (filter.client_port() != 0) condition.client_port = filter.client_port();
  if (filter.flow_id() != 0) condition.flow_id = filter.flow_id();
  if (!filter.client_prefix().empty()) {
    absl::StatusOr<AddressRange> range = address_range(filter.client_prefix());
    if (!range.ok()) return range.status();
    condition.clients = *std::move(range);
  }
  if (request.has_since()) condition.since_ns = to_nanoseconds(request.since());
  if (request.has_until()) condition.until_ns = to_nanoseconds(request.until());
  condition.ended_only = request.ended_only();
  condition.would_refuse = request.would_refuse();
  if (request.page_token().empty()) return condition;
  condition.after = RecordPlace::parse(request.page_token());
  if (!condition.after) {
    return absl::InvalidArgumentError("page_token: not one that a response carried");
  }
  return condition;
}

RowFilter::RowFilter(const RecordCondition& condition, const RowSource& source, uint64_t segment)
    : condition_(condition), source_(source), segment_(segment) {
  for (const auto& [column, field] : condition.names) {
    const std::optional<uint64_t> index = source.dictionaries().find(column, field);
    can_match_ = can_match_ && index.has_value();
    equal_.emplace_back(column, index.value_or(0));
  }
  if (condition.flow_id) equal_.emplace_back(Column::kFlowId, *condition.flow_id);
  if (condition.clients) {
    const AddressRange& range = *condition.clients;
    for (const Client& client : source.clients()) {
      clients_.push_back(client.address.size() == range.first.size() &&
                         range.first <= client.address && client.address <= range.last);
    }
    can_match_ = can_match_ && std::find(clients_.begin(), clients_.end(), true) != clients_.end();
  }
  if (condition.would_refuse.empty()) return;
  const Dictionaries& dictionaries = source.dictionaries();
  for (size_t i = 0; i < dictionaries.size(Column::kWouldRefuse); ++i) {
    const std::vector<std::string> names = texts_of(dictionaries.field(Column::kWouldRefuse, i));
    refusals_.push_back(std::find(names.begin(), names.end(), condition.would_refuse) !=
                        names.end());
  }
  can_match_ = can_match_ && std::find(refusals_.begin(), refusals_.end(), true) != refusals_.end();
}

absl::Status RowFilter::find(size_t block, std::vector<FoundRow>& found) const {
  std::vector<size_t> rows(source_.rows_of(block));
  std::iota(rows.begin(), rows.end(), size_t{0});
  absl::Status status = keep_clients(block, rows);
  for (const auto& [column, value] : equal_) {
    if (!status.ok() || rows.empty()) return status;
    status = keep_equal(block, column, value, rows);
  }
  if (status.ok() && !rows.empty()) status = keep_states(block, rows);
  if (status.ok() && !rows.empty()) status = place(block, rows, found);
  return status;
}

absl::Status RowFilter::keep_equal(size_t block, Column column, uint64_t value,
                                   std::vector<size_t>& rows) const {
  std::vector<uint64_t> values;
  if (absl::Status status = source_.read(block, column, values); !status.ok()) return status;
  keep_rows(rows, [&](size_t row) { return values[row] == value; });
  return absl::OkStatus();
}

absl::Status RowFilter::keep_clients(size_t block, std::vector<size_t>& rows) const {
  std::vector<uint64_t> values;
  if (!clients_.empty()) {
    absl::Status status = source_.read(block, PrivateColumn::kClient, values);
    if (!status.ok()) return status;
    keep_rows(rows, [&](size_t row) { return clients_[values[row]]; });
  }
  if (condition_.client_port && !rows.empty()) {
    absl::Status status = source_.read(block, PrivateColumn::kClientPort, values);
    if (!status.ok()) return status;
    keep_rows(rows, [&](size_t row) { return values[row] == *condition_.client_port; });
  }
  return absl::OkStatus();
}

absl::Status RowFilter::keep_states(size_t block, std::vector<size_t>& rows) const {
  std::vector<uint64_t> values;
  if (condition_.ended_only) {
    absl::Status status = source_.read(block, Column::kEndReason, values);
    if (!status.ok()) return status;
    keep_rows(rows, [&](size_t row) { return values[row] != 0; });
  }
  if (!refusals_.empty() && !rows.empty()) {
    absl::Status status = source_.read(block, Column::kWouldRefuse, values);
    if (!status.ok()) return status;
    keep_rows(rows, [&](size_t row) { return refusals_[values[row]]; });
  }
  return absl::OkStatus();
}

absl::Status RowFilter::place(size_t block, const std::vector<size_t>& rows,
                              std::vector<FoundRow>& found) const {
  std::vector<uint64_t> starts, sequences, nodes, incarnations;
  absl::Status status = source_.read(block, Column::kStartTime, starts);
  if (status.ok()) status = source_.read(block, Column::kSequence, sequences);
  if (status.ok()) status = source_.read(block, Column::kNode, nodes);
  if (status.ok()) status = source_.read(block, Column::kIncarnation, incarnations);
  if (!status.ok()) return status;
  const Dictionaries& dictionaries = source_.dictionaries();
  for (const size_t row : rows) {
    const auto start = static_cast<int64_t>(starts[row]);
    if (start < condition_.since_ns || start >= condition_.until_ns) continue;
    const uint32_t stream = crc32c(dictionaries.field(Column::kNode, nodes[row]) +
                                   dictionaries.field(Column::kIncarnation, incarnations[row]));
    const RecordPlace place{start, segment_, sequences[row], stream};
    if (!condition_.after || place > *condition_.after) found.push_back({place, row});
  }
  return absl::OkStatus();
}

int64_t to_nanoseconds(const google::protobuf::Timestamp& time) {
  const int64_t seconds = std::clamp<int64_t>(time.seconds(), -kSecondsMax, kSecondsMax);
  return seconds * kNanosecondsPerSecond + time.nanos();
}

}  // namespace sluice::controlplane
