// SPDX-License-Identifier: Apache-2.0
//
// A node for tests of the control plane: takes tables and hands out records, forwards nothing.
#include "tests/support/fake_dataplane.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/rpc/endpoint.h"
#include "dataplane/rpc/status.h"
#include "dataplane/table/from_proto.h"
#include "grpcpp/server_builder.h"

namespace sluice::testing {
namespace {

constexpr size_t kBatch = 3;

grpc::Status refuse(grpc::StatusCode code, const std::string& message) {
  return {code, message};
}

}  // namespace

FakeDataplane::FakeDataplane(std::string node, std::string socket_path)
    : node_(std::move(node)), socket_path_(std::move(socket_path)) {
  come_back();
}

FakeDataplane::~FakeDataplane() {
  leave();
}

void FakeDataplane::leave() {
  {
    const absl::MutexLock lock(&mutex_);
    leaving_ = true;
    holding_stages_ = false;
    holding_statuses_ = false;
  }
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

void FakeDataplane::come_back() {
  {
    const absl::MutexLock lock(&mutex_);
    leaving_ = false;
    staged_.Clear();
  }
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(), *server_credentials(address(), {}));
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

void FakeDataplane::refuse_stages(std::string reason) {
  const absl::MutexLock lock(&mutex_);
  refusal_ = std::move(reason);
}

void FakeDataplane::hold_stages() {
  const absl::MutexLock lock(&mutex_);
  holding_stages_ = true;
}

void FakeDataplane::release_stages() {
  const absl::MutexLock lock(&mutex_);
  holding_stages_ = false;
}

void FakeDataplane::hold_statuses() {
  const absl::MutexLock lock(&mutex_);
  holding_statuses_ = true;
  const auto is_asked = [this]()
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return held_statuses_ > 0; };
  mutex_.Await(absl::Condition(&is_asked));
}

void FakeDataplane::release_statuses() {
  const absl::MutexLock lock(&mutex_);
  holding_statuses_ = false;
}

void FakeDataplane::set_effects(v1::FlowEffects effects) {
  const absl::MutexLock lock(&mutex_);
  effects_ = std::move(effects);
}

void FakeDataplane::sweep_recalls(uint64_t residual, uint64_t cut) {
  const absl::MutexLock lock(&mutex_);
  sweep_.emplace();
  sweep_->set_residual(residual);
  sweep_->set_flows_cut(cut);
  sweep_->set_is_swept(true);
}

void FakeDataplane::set_views(std::vector<v1::ViewRecord> views) {
  const absl::MutexLock lock(&mutex_);
  views_ = std::move(views);
}

v1::ForwardingTable FakeDataplane::running() const {
  const absl::MutexLock lock(&mutex_);
  return running_;
}

uint64_t FakeDataplane::staged_generation() const {
  const absl::MutexLock lock(&mutex_);
  return staged_.generation();
}

std::vector<std::string> FakeDataplane::calls() const {
  const absl::MutexLock lock(&mutex_);
  return calls_;
}

void FakeDataplane::add_records(std::vector<v1::FlowRecord> records) {
  const absl::MutexLock lock(&mutex_);
  for (v1::FlowRecord& record : records)
    records_.push_back(std::move(record));
}

uint64_t FakeDataplane::acknowledged() const {
  const absl::MutexLock lock(&mutex_);
  return acknowledged_;
}

void FakeDataplane::forget_acknowledgements() {
  const absl::MutexLock lock(&mutex_);
  acknowledged_ = 0;
}

grpc::Status FakeDataplane::Stage(grpc::ServerContext*,
                                  grpc::ServerReader<v1::StageRequest>* reader,
                                  v1::StageResponse* response) {
  std::string bytes;
  v1::StageRequest request;
  bool is_preview = false;
  while (reader->Read(&request)) {
    bytes += request.chunk();
    is_preview = is_preview || request.preview();
  }
  v1::TableDelta delta;
  if (!delta.ParseFromString(bytes)) return refuse(grpc::INVALID_ARGUMENT, "no delta");

  const absl::MutexLock lock(&mutex_);
  const uint64_t generation = delta.changed().generation();
  if (!is_preview) {
    calls_.push_back(
        absl::StrCat("stage ", generation, delta.base_digest().empty() ? " full" : " delta"));
  }
  const auto may_go_on = [this]()
                             ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !holding_stages_; };
  mutex_.Await(absl::Condition(&may_go_on));
  if (is_preview) {
    *response->mutable_effects() = effects_;
    return grpc::Status::OK;
  }
  if (!refusal_.empty()) return refuse(grpc::FAILED_PRECONDITION, refusal_);
  if (generation <= running_.generation()) return refuse(grpc::FAILED_PRECONDITION, "not newer");
  const dataplane::CanonicalTable base(running_);
  absl::StatusOr<dataplane::CanonicalTable> table = dataplane::apply_delta(&base, delta);
  if (!table.ok()) return to_grpc(table.status());
  staged_ = table->message();
  response->set_generation(generation);
  return grpc::Status::OK;
}

grpc::Status FakeDataplane::Commit(grpc::ServerContext*, const v1::CommitRequest* request,
                                   v1::CommitResponse* response) {
  const absl::MutexLock lock(&mutex_);
  calls_.push_back(absl::StrCat("commit ", request->generation()));
  if (staged_.generation() != request->generation()) {
    return refuse(grpc::FAILED_PRECONDITION, "not staged");
  }
  if (running_.overrides().empty()) recalled_since_ = absl::Now();
  running_ = std::move(staged_);
  staged_.Clear();
  response->set_generation(running_.generation());
  return grpc::Status::OK;
}

grpc::Status FakeDataplane::Abort(grpc::ServerContext*, const v1::AbortRequest*,
                                  v1::AbortResponse*) {
  const absl::MutexLock lock(&mutex_);
  calls_.push_back("abort");
  staged_.Clear();
  return grpc::Status::OK;
}

grpc::Status FakeDataplane::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                      v1::GetStatusResponse* response) {
  const absl::MutexLock lock(&mutex_);
  const auto may_go_on = [this]()
                             ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !holding_statuses_; };
  ++held_statuses_;
  mutex_.Await(absl::Condition(&may_go_on));
  --held_statuses_;
  response->set_node(node_);
  response->set_generation(running_.generation());
  response->set_revision(running_.revision());
  if (running_.generation() != 0)
    response->set_digest(dataplane::CanonicalTable(running_).digest());
  response->set_term(running_.term());
  for (const v1::Override& override : running_.overrides()) {
    if (override.state() != v1::Override::STATE_RECALLED) continue;
    v1::RecallStatus& recall = *response->add_recalls();
    if (sweep_) recall = *sweep_;
    recall.mutable_since()->set_seconds(absl::ToUnixSeconds(recalled_since_));
    recall.set_pool(override.pool());
    recall.set_backend(override.backend());
  }
  for (const v1::PoolEntry& pool : running_.pools()) {
    for (const v1::BackendEntry& backend : pool.backends()) {
      v1::BackendStatus& status = *response->add_backends();
      status.set_pool(pool.name());
      status.set_backend(backend.name());
      status.set_state(v1::BACKEND_STATE_UP);
    }
  }
  return grpc::Status::OK;
}

grpc::Status FakeDataplane::GetCounters(grpc::ServerContext*, const v1::GetCountersRequest*,
                                        v1::GetCountersResponse* response) {
  response->set_node(node_);
  return grpc::Status::OK;
}

// Two flows per node, one per page.
grpc::Status FakeDataplane::ListFlows(grpc::ServerContext*, const v1::ListFlowsRequest* request,
                                      v1::ListFlowsResponse* response) {
  const bool first = request->page_token().empty();
  v1::FlowRecord& flow = *response->add_flows();
  flow.set_node(node_);
  flow.set_flow_id(first ? 1 : 2);
  if (first) response->set_next_page_token("second");
  return grpc::Status::OK;
}

grpc::Status FakeDataplane::Explain(grpc::ServerContext*, const v1::ExplainRequest*,
                                    v1::ExplainResponse* response) {
  response->set_node(node_);
  return grpc::Status::OK;
}

grpc::Status FakeDataplane::ListViews(grpc::ServerContext*, const v1::ListViewsRequest* request,
                                      v1::ListViewsResponse* response) {
  const absl::MutexLock lock(&mutex_);
  for (const v1::ViewRecord& view : views_) {
    const bool is_known =
        view.incarnation() == request->incarnation() && view.view() <= request->after();
    if (!is_known) *response->add_views() = view;
  }
  return grpc::Status::OK;
}

grpc::Status FakeDataplane::PullRecords(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::PullRecordsResponse, v1::PullRecordsRequest>* stream) {
  v1::PullRecordsRequest request;
  if (!stream->Read(&request)) return grpc::Status::OK;
  const absl::MutexLock lock(&mutex_);
  // Like a node that crashed before its acknowledgement was on disk: what it knows counts.
  sent_ = 0;
  while (sent_ < records_.size() && records_[sent_].sequence() <= acknowledged_)
    ++sent_;
  const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return leaving_ || sent_ < records_.size();
  };
  for (;;) {
    mutex_.AwaitWithTimeout(absl::Condition(&has_work), absl::Milliseconds(10));
    if (leaving_ || context->IsCancelled()) return grpc::Status::OK;
    v1::PullRecordsResponse response;
    for (size_t i = 0; i < kBatch && sent_ < records_.size(); ++i) {
      *response.add_records() = records_[sent_++];
    }
    if (response.records().empty()) continue;
    mutex_.Unlock();
    const bool acknowledged = stream->Write(response) && stream->Read(&request);
    mutex_.Lock();
    if (!acknowledged) return grpc::Status::OK;
    acknowledged_ = std::max<uint64_t>(acknowledged_, request.acknowledged());
  }
}

void FakeDataplane::add_observations(std::vector<v1::FlowObservation> observations) {
  const absl::MutexLock lock(&mutex_);
  for (v1::FlowObservation& observation : observations) {
    observation.set_sequence(observations_.size() + 1);
    observations_.push_back(std::move(observation));
  }
}

void FakeDataplane::forget_observations(const std::string& incarnation) {
  const absl::MutexLock lock(&mutex_);
  observer_ = incarnation;
  observations_.clear();
}

grpc::Status FakeDataplane::ListObservations(grpc::ServerContext*,
                                             const v1::ListObservationsRequest* request,
                                             v1::ListObservationsResponse* response) {
  const absl::MutexLock lock(&mutex_);
  response->set_incarnation(observer_);
  const uint64_t after = request->incarnation() == observer_ ? request->after() : 0;
  for (const v1::FlowObservation& observation : observations_) {
    if (observation.sequence() <= after) continue;
    if (response->observations_size() == static_cast<int>(request->limit())) break;
    *response->add_observations() = observation;
  }
  return grpc::Status::OK;
}

}  // namespace sluice::testing
