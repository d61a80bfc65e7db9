// SPDX-License-Identifier: Apache-2.0
//
// Brings one node's flow records into the record store.
#include "controlplane/fleet/record_puller.h"

#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

#include "dataplane/rpc/status.h"

namespace sluice::controlplane {

RecordPuller::RecordPuller(std::string node, std::shared_ptr<NodeClient> client,
                           RecordStore& records, MarkRecord mark, OnRecords on_records,
                           std::function<bool()> is_connected)
    : node_(std::move(node)),
      client_(std::move(client)),
      records_(records),
      mark_(std::move(mark)),
      on_records_(std::move(on_records)),
      is_connected_(std::move(is_connected)) {}

RecordPuller::~RecordPuller() {
  stop();
}

void RecordPuller::start(absl::Duration interval) {
  thread_ = std::thread([this, interval] { run(interval); });
}

void RecordPuller::stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  if (thread_.joinable()) thread_.join();
}

void RecordPuller::cancel() {
  const absl::MutexLock lock(&mutex_);
  if (context_ != nullptr) context_->TryCancel();
}

void RecordPuller::run(absl::Duration interval) {
  std::string last_error;
  for (;;) {
    if (is_connected_()) {
      const absl::Status status = pull();
      const std::string error(status.message());
      const bool expected = absl::IsCancelled(status) || absl::IsUnavailable(status);
      if (!expected && error != last_error) {
        spdlog::error("node {}: records: {}", node_, error);
      }
      last_error = error;
    }
    const absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), interval)) return;
  }
}

absl::StatusOr<v1::PullRecordsRequest> RecordPuller::take(const v1::PullRecordsResponse& response) {
  const auto& records = response.records();
  std::vector<v1::FlowRecord> batch(records.begin(), records.end());
  if (mark_ != nullptr) {
    for (v1::FlowRecord& record : batch) {
      if (absl::Status status = mark_(record); !status.ok()) return status;
    }
  }
  const absl::StatusOr<InsertResult> inserted = records_.insert(node_, batch);
  if (!inserted.ok()) return inserted.status();
  if (inserted->missing != 0) {
    spdlog::warn("node {}: {} records were lost before sequence {} of incarnation {}", node_,
                 inserted->missing, batch.back().sequence(), batch.back().incarnation());
  }
  // In the order of their sequence: what was here already comes first.
  const std::span<const v1::FlowRecord> all(batch);
  if (on_records_ != nullptr) on_records_(node_, all.last(inserted->inserted), inserted->missing);
  v1::PullRecordsRequest acknowledgement;
  acknowledgement.set_incarnation(batch.back().incarnation());
  acknowledgement.set_acknowledged(batch.back().sequence());
  return acknowledgement;
}

absl::Status RecordPuller::pull() {
  const absl::StatusOr<RecordCursor> cursor = records_.cursor(node_);
  if (!cursor.ok()) return cursor.status();
  grpc::ClientContext context;
  {
    const absl::MutexLock lock(&mutex_);
    if (stopping_) return absl::OkStatus();
    context_ = &context;
  }
  const auto stream = client_->stub().PullRecords(&context);
  v1::PullRecordsRequest request;
  request.set_incarnation(cursor->incarnation);
  request.set_acknowledged(cursor->sequence);
  absl::Status failure;
  v1::PullRecordsResponse response;
  bool alive = stream->Write(request);
  while (alive && stream->Read(&response)) {
    if (response.records().empty()) continue;
    absl::StatusOr<v1::PullRecordsRequest> acknowledgement = take(response);
    failure = acknowledgement.status();
    if (!failure.ok()) context.TryCancel();
    alive = failure.ok() && stream->Write(*acknowledgement);
  }
  const grpc::Status finished = stream->Finish();
  const absl::MutexLock lock(&mutex_);
  context_ = nullptr;
  return failure.ok() ? from_grpc(finished) : failure;
}

}  // namespace sluice::controlplane
