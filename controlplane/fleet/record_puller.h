// SPDX-License-Identifier: Apache-2.0
//
// Brings one node's flow records into the record store.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/audit/record_store.h"
#include "controlplane/fleet/node_client.h"

namespace sluice::controlplane {

// Adds to a node's record what only the controller knows.  Thread: any.
// Errors: the record cannot be judged now; it is asked for again later.
using MarkRecord = std::function<absl::Status(v1::FlowRecord& record)>;

// Told of records that are durable and were not here before, and how many numbers before them never
// came.  Thread: any.
using OnRecords = std::function<void(const std::string& node, std::span<const v1::FlowRecord> fresh,
                                     uint64_t missing)>;

// A thread reads the node's stream and acknowledges what is durable. When the stream ends it begins
// anew where the store stands, once per interval and only while `is_connected` says so.
class RecordPuller {
 public:
  RecordPuller(std::string node, std::shared_ptr<NodeClient> client, RecordStore& records,
               MarkRecord mark, OnRecords on_records, std::function<bool()> is_connected);
  ~RecordPuller();

  void start(absl::Duration interval);
  void stop();
  // Ends the present stream: its node does not answer any more.  Thread: any.
  void cancel();

 private:
  void run(absl::Duration interval);
  absl::Status pull();
  absl::StatusOr<v1::PullRecordsRequest> take(const v1::PullRecordsResponse& response);

  const std::string node_;
  const std::shared_ptr<NodeClient> client_;
  RecordStore& records_;
  const MarkRecord mark_;       // null: nothing is added
  const OnRecords on_records_;  // null: nobody is told
  const std::function<bool()> is_connected_;
  std::thread thread_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;  // of the present stream
};

}  // namespace sluice::controlplane
