// SPDX-License-Identifier: Apache-2.0
//
// A query for flow records as the SQL condition that answers it.
#include "controlplane/audit/record_filter.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::controlplane {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int64_t kSecondsMax = 9'000'000'000;  // the year 2255; in nanoseconds it fits 64 bits

struct AddressRange {
  std::string first;
  std::string last;
};

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

class Conditions {
 public:
  void add(const char* text, std::vector<SqlValue> values) {
    absl::StrAppend(&condition_.text, " AND ", text);
    for (SqlValue& value : values)
      condition_.values.push_back(std::move(value));
  }
  void equal_if_set(const char* text, const std::string& value) {
    if (!value.empty()) add(text, {value});
  }
  SqlCondition take() { return std::move(condition_); }

 private:
  SqlCondition condition_;
};

absl::Status add_page(const std::string& token, Conditions& conditions) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(token, absl::MaxSplits('-', 1));
  int64_t start_ns = 0;
  int64_t id = 0;
  if (!absl::SimpleAtoi(parts.first, &start_ns) || !absl::SimpleAtoi(parts.second, &id)) {
    return absl::InvalidArgumentError("page_token: not one that a response carried");
  }
  conditions.add("(start_ns, record.id) > (?, ?)", {start_ns, id});
  return absl::OkStatus();
}

absl::Status add_filter(const v1::FlowFilter& filter, Conditions& conditions) {
  conditions.equal_if_set("service = ?", filter.service());
  conditions.equal_if_set("client_class = ?", filter.client_class());
  conditions.equal_if_set("route = ?", filter.route());
  conditions.equal_if_set("pool = ?", filter.pool());
  conditions.equal_if_set("backend = ?", filter.backend());
  conditions.equal_if_set("stream.node = ?", filter.node());
  if (filter.client_port() != 0) {
    conditions.add("client_port = ?", {int64_t{filter.client_port()}});
  }
  if (filter.flow_id() != 0) {
    conditions.add("flow_id = ?", {static_cast<int64_t>(filter.flow_id())});
  }
  if (filter.client_prefix().empty()) return absl::OkStatus();
  absl::StatusOr<AddressRange> range = address_range(filter.client_prefix());
  if (!range.ok()) return range.status();
  const auto size = static_cast<int64_t>(range->first.size());
  conditions.add("client BETWEEN ? AND ? AND length(client) = ?",
                 {Blob{std::move(range->first)}, Blob{std::move(range->last)}, size});
  return absl::OkStatus();
}

}  // namespace

int64_t to_nanoseconds(const google::protobuf::Timestamp& time) {
  const int64_t seconds = std::clamp<int64_t>(time.seconds(), -kSecondsMax, kSecondsMax);
  return seconds * kNanosecondsPerSecond + time.nanos();
}

std::string record_page_token(int64_t start_ns, int64_t id) {
  return absl::StrCat(start_ns, "-", id);
}

absl::StatusOr<SqlCondition> record_condition(const v1::QueryRecordsRequest& request) {
  Conditions conditions;
  if (absl::Status status = add_filter(request.filter(), conditions); !status.ok()) return status;
  if (request.has_since()) conditions.add("start_ns >= ?", {to_nanoseconds(request.since())});
  if (request.has_until()) conditions.add("start_ns < ?", {to_nanoseconds(request.until())});
  if (request.ended_only()) conditions.add("ended = 1", {});
  if (!request.would_refuse().empty()) {
    conditions.add("would_refuse <> '' AND instr(char(10) || would_refuse || char(10), ?) > 0",
                   {absl::StrCat("\n", request.would_refuse(), "\n")});
  }
  if (!request.page_token().empty()) {
    absl::Status status = add_page(request.page_token(), conditions);
    if (!status.ok()) return status;
  }
  return conditions.take();
}

}  // namespace sluice::controlplane
