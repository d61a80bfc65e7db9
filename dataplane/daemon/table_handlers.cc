// SPDX-License-Identifier: Apache-2.0
//
// The methods that bring a table in.
#include <optional>

#include "dataplane/daemon/dataplane_service.h"
#include "dataplane/daemon/foresight.h"
#include "dataplane/daemon/status_text.h"
#include "dataplane/rpc/status.h"
#include "spdlog/spdlog.h"

namespace sluice::dataplane {
namespace {

v1::ErrorDetail violations_of(const absl::Status& status) {
  v1::ErrorDetail detail;
  if (!absl::IsInvalidArgument(status)) return detail;
  const std::string text = text_of(status);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    const size_t colon = line.find(": ");
    v1::Violation& violation = *detail.add_violations();
    if (colon != std::string::npos) violation.set_path(line.substr(0, colon));
    violation.set_message(colon == std::string::npos ? line : line.substr(colon + 2));
    begin = end + 1;
  }
  return detail;
}

}  // namespace

grpc::Status to_reply(const absl::Status& status) {
  return to_grpc(status, violations_of(status));
}

grpc::Status DataplaneService::Stage(grpc::ServerContext* context,
                                     grpc::ServerReader<v1::StageRequest>* reader,
                                     v1::StageResponse* response) {
  DeltaAssembler assembler;
  v1::StageRequest request;
  std::optional<bool> is_preview;
  while (reader->Read(&request)) {
    if (!is_preview) is_preview = request.preview();
    if (const absl::Status added = assembler.add(request.chunk()); !added.ok())
      return to_reply(added);
  }
  // Whoever no longer waits for the answer has sent another table, or will.
  if (context->IsCancelled()) return to_reply(absl::CancelledError("the caller is gone"));
  const absl::StatusOr<v1::TableDelta> delta = assembler.finish();
  if (!delta.ok()) return to_reply(delta.status());
  absl::StatusOr<v1::StageResponse> staged =
      is_preview.value_or(false) ? preview(*delta) : parts_.stager.stage(*delta);
  if (!staged.ok()) {
    spdlog::warn("generation {} is refused: {}", delta->changed().generation(),
                 text_of(staged.status()));
    return to_reply(staged.status());
  }
  *response = *std::move(staged);
  return grpc::Status::OK;
}

absl::StatusOr<v1::StageResponse> DataplaneService::preview(const v1::TableDelta& delta) {
  absl::StatusOr<PreviewedTable> previewed = parts_.stager.preview(delta);
  if (!previewed.ok()) return previewed.status();
  const auto snapshot = parts_.foresee(previewed->ready);
  if (!snapshot.ok()) return snapshot.status();
  absl::StatusOr<v1::FlowEffects> effects =
      foresee_flows(**snapshot, *previewed->registry, parts_.cores);
  if (!effects.ok()) return effects.status();
  *previewed->response.mutable_effects() = *std::move(effects);
  return std::move(previewed->response);
}

grpc::Status DataplaneService::Commit(grpc::ServerContext*, const v1::CommitRequest* request,
                                      v1::CommitResponse* response) {
  absl::StatusOr<v1::CommitResponse> committed = parts_.stager.commit(request->generation());
  if (!committed.ok()) {
    spdlog::warn("commit of generation {}: {}", request->generation(), text_of(committed.status()));
    return to_reply(committed.status());
  }
  *response = *std::move(committed);
  return grpc::Status::OK;
}

grpc::Status DataplaneService::Abort(grpc::ServerContext*, const v1::AbortRequest*,
                                     v1::AbortResponse*) {
  parts_.stager.abort();
  return grpc::Status::OK;
}

}  // namespace sluice::dataplane
