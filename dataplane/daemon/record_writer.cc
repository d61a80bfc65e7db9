// SPDX-License-Identifier: Apache-2.0
//
// Takes, names, numbers, writes.
#include "dataplane/daemon/record_writer.h"

#include <algorithm>
#include <utility>

#include "dataplane/daemon/status_text.h"
#include "spdlog/spdlog.h"

namespace sluice::dataplane {
namespace {

constexpr size_t kEventsPerTurn = 4096;
// Whether there is room is asked so often: a block is small beside a segment.
constexpr size_t kRecordsPerBlock = 256;
constexpr std::chrono::milliseconds kIdleSleep(5);
constexpr std::chrono::seconds kTellInterval(1);
// While the disk fails. Records wait meanwhile, and flows that must be recorded are refused.
constexpr std::chrono::seconds kRetryInterval(1);

}  // namespace

RecordWriter::RecordWriter(Cores& cores, const Registry& registry, RecordOrigin origin,
                           RecordSpool& spool, ObservationLog& observations)
    : cores_(cores),
      registry_(registry),
      origin_(std::move(origin)),
      spool_(spool),
      observations_(observations) {
  thread_ = std::thread([this] { run(); });
}

RecordWriter::~RecordWriter() {
  stop_.store(true, std::memory_order_relaxed);
  thread_.join();
}

void RecordWriter::run() {
  std::vector<FlowEvent> events(kEventsPerTurn);
  auto next_sync = std::chrono::steady_clock::now() + kSyncInterval;
  bool has_unsynced = false;
  while (true) {
    const bool stops = stop_.load(std::memory_order_relaxed);
    expect_ends();
    const size_t count = carry(events);
    has_unsynced = has_unsynced || count > 0;
    observations_.take_from(cores_);
    if (count == 0 && stops && cores_.events_drained()) break;
    if (count == 0) std::this_thread::sleep_for(kIdleSleep);
    if (std::chrono::steady_clock::now() < next_sync) continue;
    next_sync = std::chrono::steady_clock::now() + kSyncInterval;
    if (std::exchange(has_unsynced, false)) sync();
    if (std::chrono::steady_clock::now() >= next_retry_) retry();
    tell_refused();
  }
  retry();
  sync();
  if (const uint64_t waiting = spool_.waiting(); waiting > 0)
    spdlog::error("record spool: {} records that waited for the disk are lost", waiting);
}

size_t RecordWriter::carry(std::vector<FlowEvent>& events) {
  const size_t count = cores_.take_events(events);
  std::vector<v1::FlowRecord> records;
  for (size_t begin = 0; begin < count; begin += kRecordsPerBlock) {
    records.clear();
    for (size_t i = begin; i < std::min(begin + kRecordsPerBlock, count); ++i)
      records.push_back(to_record(events[i], origin_, registry_));
    leave_out_what_may_be_lost(records);
    if (const absl::Status status = spool_.append(records); !status.ok()) {
      spdlog::error("record spool: {}; records wait in memory until it can be written again",
                    text_of(status));
      next_retry_ = std::chrono::steady_clock::now() + kRetryInterval;
    }
  }
  return count;
}

void RecordWriter::expect_ends() {
  uint64_t live = 0;
  for (const LcoreCounterValues& values : cores_.counters())
    live += values.flows;
  spool_.expect(live);
}

void RecordWriter::follow(const std::shared_ptr<const Table>& table) {
  const std::lock_guard lock(mutex_);
  if (table == table_) return;
  table_ = table;
  services_.clear();
  classes_.clear();
  const bool must_any =
      std::ranges::any_of(table->rows, [](const SteeringRow& row) { return row.must_record; });
  if (!must_any) return;
  for (size_t i = 0; i < table->services.size(); ++i)
    services_.emplace(table->services[i].name, ServiceIndex{static_cast<uint32_t>(i)});
  for (size_t i = 0; i < table->classes.size(); ++i)
    classes_.emplace(table->classes[i].name, ClassIndex{static_cast<uint32_t>(i)});
}

bool RecordWriter::must_record(const v1::FlowRecord& record) const {
  const auto service = services_.find(record.service());
  const auto client_class = classes_.find(record.client_class());
  if (service == services_.end() || client_class == classes_.end()) return false;
  return table_->row(service->second, client_class->second).must_record;
}

void RecordWriter::leave_out_what_may_be_lost(std::vector<v1::FlowRecord>& records) {
  if (spool_.can_keep()) return;
  const std::lock_guard lock(mutex_);
  if (services_.empty()) return;
  spool_.lose(
      std::erase_if(records, [&](const v1::FlowRecord& record) { return !must_record(record); }));
}

void RecordWriter::retry() {
  next_retry_ = std::chrono::steady_clock::now() + kRetryInterval;
  const uint64_t waiting = spool_.waiting();
  if (!spool_.retry().ok() || waiting == 0) return;
  spdlog::info("record spool: it can be written again; {} records that waited are written",
               waiting);
}

void RecordWriter::tell_refused() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_tell_) return;
  next_tell_ = now + kTellInterval;
  uint64_t refused = 0;
  for (const LcoreCounterValues& values : cores_.counters())
    refused += values.audit_refused;
  if (refused == audit_refused_told_) return;
  spdlog::warn(
      "audit: {} packets of new flows are refused so far, {} since the last time: they "
      "must be recorded, and cannot be",
      refused, refused - audit_refused_told_);
  audit_refused_told_ = refused;
}

void RecordWriter::sync() {
  if (const absl::Status status = spool_.sync(); !status.ok()) spdlog::error("{}", text_of(status));
  const uint64_t lost = spool_.lost();
  if (lost == lost_told_) return;
  spdlog::error("record spool: {} records are lost so far, {} since the last time", lost,
                lost - lost_told_);
  lost_told_ = lost;
}

}  // namespace sluice::dataplane
