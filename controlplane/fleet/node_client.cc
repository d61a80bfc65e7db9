// SPDX-License-Identifier: Apache-2.0
//
// The calls that the controller makes to one node, each with a deadline.
#include "controlplane/fleet/node_client.h"

#include <algorithm>

#include "dataplane/rpc/status.h"

namespace sluice::controlplane {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 20;  // what `StageRequest.chunk` allows

void set_timeout(grpc::ClientContext& context, absl::Duration timeout) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
}

template <typename Response, typename Method, typename Request>
absl::StatusOr<Response> call(v1::Dataplane::Stub& stub, Method method, const Request& request,
                              absl::Duration timeout, RightOfWay::Passage* passage = nullptr) {
  grpc::ClientContext context;
  set_timeout(context, timeout);
  const PassingCall passing(passage, context);
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return from_grpc(status);
  return response;
}

}  // namespace

absl::StatusOr<v1::GetStatusResponse> NodeClient::status(StatusDetail detail,
                                                         RightOfWay::Passage* passage) const {
  v1::GetStatusRequest request;
  request.set_brief(detail == StatusDetail::kBrief);
  return call<v1::GetStatusResponse>(*stub_, &v1::Dataplane::Stub::GetStatus, request,
                                     timeouts_.status, passage);
}

absl::StatusOr<v1::StageResponse> NodeClient::stage(const std::string& delta,
                                                    RightOfWay::Passage* passage) const {
  return send(delta, Purpose::kStage, passage);
}

absl::StatusOr<v1::StageResponse> NodeClient::preview(const std::string& delta) const {
  return send(delta, Purpose::kPreview, nullptr);
}

absl::StatusOr<v1::StageResponse> NodeClient::send(const std::string& delta, Purpose purpose,
                                                   RightOfWay::Passage* passage) const {
  grpc::ClientContext context;
  set_timeout(context, timeouts_.push);
  const PassingCall passing(passage, context);
  v1::StageResponse response;
  const auto writer = stub_->Stage(&context, &response);
  for (size_t offset = 0; offset < delta.size(); offset += kChunkBytes) {
    v1::StageRequest request;
    request.set_chunk(delta.substr(offset, kChunkBytes));
    request.set_preview(purpose == Purpose::kPreview);
    if (!writer->Write(request)) break;  // `Finish` says why
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) return from_grpc(status);
  return response;
}

absl::StatusOr<v1::ListViewsResponse> NodeClient::views(const v1::ListViewsRequest& request) const {
  return call<v1::ListViewsResponse>(*stub_, &v1::Dataplane::Stub::ListViews, request,
                                     timeouts_.query);
}

absl::StatusOr<v1::CommitResponse> NodeClient::commit(uint64_t generation,
                                                      RightOfWay::Passage* passage) const {
  v1::CommitRequest request;
  request.set_generation(generation);
  return call<v1::CommitResponse>(*stub_, &v1::Dataplane::Stub::Commit, request, timeouts_.push,
                                  passage);
}

absl::Status NodeClient::abort(RightOfWay::Passage* passage) const {
  return call<v1::AbortResponse>(*stub_, &v1::Dataplane::Stub::Abort, v1::AbortRequest(),
                                 timeouts_.status, passage)
      .status();
}

absl::StatusOr<v1::GetCountersResponse> NodeClient::counters() const {
  return call<v1::GetCountersResponse>(*stub_, &v1::Dataplane::Stub::GetCounters,
                                       v1::GetCountersRequest(), timeouts_.query);
}

absl::StatusOr<v1::ListFlowsResponse> NodeClient::flows(const v1::ListFlowsRequest& request) const {
  return call<v1::ListFlowsResponse>(*stub_, &v1::Dataplane::Stub::ListFlows, request,
                                     timeouts_.query);
}

absl::StatusOr<v1::ListObservationsResponse> NodeClient::observations(
    const v1::ListObservationsRequest& request) const {
  return call<v1::ListObservationsResponse>(*stub_, &v1::Dataplane::Stub::ListObservations, request,
                                            timeouts_.status);
}

absl::StatusOr<v1::ExplainResponse> NodeClient::explain(const v1::ExplainRequest& request) const {
  return call<v1::ExplainResponse>(*stub_, &v1::Dataplane::Stub::Explain, request, timeouts_.query);
}

}  // namespace sluice::controlplane
