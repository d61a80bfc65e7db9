// SPDX-License-Identifier: Apache-2.0
//
// The method that hands records over.
#include <atomic>
#include <chrono>
#include <thread>

#include "dataplane/daemon/dataplane_service.h"
#include "dataplane/daemon/status_text.h"
#include "spdlog/spdlog.h"

namespace sluice::dataplane {
namespace {

constexpr size_t kRecordsPerResponse = 1000;
constexpr std::chrono::milliseconds kWait(100);  // how soon the end of a stream is noticed

// Reads acknowledgements until the client ends the stream.
class Acknowledgements {
 public:
  Acknowledgements(DataplaneService::RecordStream& stream, RecordSpool& spool)
      : thread_([this, &stream, &spool] {
          v1::PullRecordsRequest request;
          while (stream.Read(&request))
            spool.acknowledge(request.incarnation(), request.acknowledged());
          has_ended_.store(true, std::memory_order_relaxed);
        }) {}
  ~Acknowledgements() { thread_.join(); }
  bool have_ended() const { return has_ended_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> has_ended_ = false;
  std::thread thread_;
};

}  // namespace

grpc::Status DataplaneService::PullRecords(grpc::ServerContext* context, RecordStream* stream) {
  v1::PullRecordsRequest first;
  if (!stream->Read(&first)) return grpc::Status::OK;
  parts_.spool.acknowledge(first.incarnation(), first.acknowledged());
  const Acknowledgements acknowledgements(*stream, parts_.spool);

  RecordSpool::Cursor cursor;
  while (!acknowledgements.have_ended() && !context->IsCancelled()) {
    absl::StatusOr<std::vector<v1::FlowRecord>> records =
        parts_.spool.read(cursor, kRecordsPerResponse);
    if (!records.ok()) {
      spdlog::error("record spool: {}", text_of(records.status()));
      if (absl::IsDataLoss(records.status())) continue;  // the next read goes on behind the damage
      context->TryCancel();
      return to_reply(records.status());
    }
    if (records->empty()) {
      parts_.spool.wait_for_more(kWait);
      continue;
    }
    v1::PullRecordsResponse response;
    response.mutable_records()->Assign(std::make_move_iterator(records->begin()),
                                       std::make_move_iterator(records->end()));
    if (!stream->Write(response)) break;
  }
  return grpc::Status::OK;
}

}  // namespace sluice::dataplane
