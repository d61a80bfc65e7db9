// SPDX-License-Identifier: Apache-2.0
//
// What flow records add up to, by the policy that steered the flows.
#include "controlplane/console/flow_statistics.h"

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace sluice::controlplane {
namespace {

// Policies change, and what they named stays in the counters: beyond this many combinations all
// others are one, with empty labels.
constexpr size_t kSeriesMax = 10'000;

double seconds_of(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + static_cast<double>(duration.nanos()) * 1e-9;
}

double seconds_between(const google::protobuf::Timestamp& from,
                       const google::protobuf::Timestamp& to) {
  return static_cast<double>(to.seconds() - from.seconds()) +
         static_cast<double>(to.nanos() - from.nanos()) * 1e-9;
}

std::string name_of(v1::EndReason reason) {
  const std::string name = v1::EndReason_Name(reason);
  return absl::AsciiStrToLower(absl::StripPrefix(name, "END_REASON_"));
}

template <typename Key>
MetricLabels labels_of(const Key& key) {
  const auto& [service, client_class, route, pool] = key;
  return {{"service", service}, {"client_class", client_class}, {"route", route}, {"pool", pool}};
}

}  // namespace

// From a neighbour's to another continent's, and a retransmitted SYN's.
const std::array<double, FlowStatistics::kHandshakeBounds> FlowStatistics::kHandshakeSeconds = {
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1, 3};
// From a probe's to a stream's that runs all day.
const std::array<double, FlowStatistics::kDurationBounds> FlowStatistics::kDurationSeconds = {
    0.01, 0.1, 0.3, 1, 3, 10, 60, 300, 3'600, 86'400};

FlowStatistics::Series& FlowStatistics::series_of(const v1::FlowRecord& record) {
  const Key key = {record.service(), record.client_class(), record.route(), record.pool()};
  const auto known = series_.find(key);
  if (known != series_.end()) return known->second;
  return series_[series_.size() < kSeriesMax ? key : Key{}];
}

void FlowStatistics::add(const v1::FlowRecord& record) {
  Series& series = series_of(record);
  if (record.end_reason() == v1::END_REASON_UNSPECIFIED) {
    ++series.started;
    return;
  }
  if (v1::EndReason_IsValid(record.end_reason())) ++series.ended[record.end_reason()];
  series.packets += record.packets();
  series.bytes += record.bytes();
  if (record.has_handshake_time())
    series.handshakes.observe(kHandshakeSeconds, seconds_of(record.handshake_time()));
  series.durations.observe(kDurationSeconds,
                           seconds_between(record.start_time(), record.last_time()));
}

void FlowStatistics::add(std::span<const v1::FlowRecord> records) {
  const absl::MutexLock lock(&mutex_);
  for (const v1::FlowRecord& record : records)
    add(record);
}

void FlowStatistics::add_missing(const std::string& node, uint64_t records) {
  const absl::MutexLock lock(&mutex_);
  missing_[node] += records;
}

void FlowStatistics::write_counts(MetricPage& page) const {
  page.counter("sluice_started_parts_total", "Parts of flows that began, by their records.");
  for (const auto& [key, series] : series_)
    page.add(labels_of(key), static_cast<double>(series.started));
  page.counter("sluice_ended_parts_total", "Parts of flows that ended, by why.");
  for (const auto& [key, series] : series_) {
    for (int reason = 1; reason < v1::EndReason_ARRAYSIZE; ++reason) {
      if (series.ended[static_cast<size_t>(reason)] == 0) continue;
      MetricLabels labels = labels_of(key);
      labels.emplace_back("reason", name_of(static_cast<v1::EndReason>(reason)));
      page.add(labels, static_cast<double>(series.ended[static_cast<size_t>(reason)]));
    }
  }
  page.counter("sluice_ended_parts_packets_total", "Packets of the parts that ended.");
  for (const auto& [key, series] : series_)
    page.add(labels_of(key), static_cast<double>(series.packets));
  page.counter("sluice_ended_parts_bytes_total", "Bytes of IP packets of the parts that ended.");
  for (const auto& [key, series] : series_)
    page.add(labels_of(key), static_cast<double>(series.bytes));
}

void FlowStatistics::write_times(MetricPage& page) const {
  page.histogram("sluice_handshake_seconds", "From a client's SYN to its ACK, of ended parts.");
  for (const auto& [key, series] : series_) {
    page.add(labels_of(key), {kHandshakeSeconds, series.handshakes.counts, series.handshakes.sum});
  }
  page.histogram("sluice_part_duration_seconds",
                 "From the first packet to the last, of ended parts.");
  for (const auto& [key, series] : series_)
    page.add(labels_of(key), {kDurationSeconds, series.durations.counts, series.durations.sum});
}

void FlowStatistics::write(MetricPage& page) const {
  const absl::MutexLock lock(&mutex_);
  write_counts(page);
  write_times(page);
  page.counter("sluice_missing_records_total", "Record numbers of a node that never came.");
  for (const auto& [node, records] : missing_)
    page.add({{"node", node}}, static_cast<double>(records));
}

}  // namespace sluice::controlplane
