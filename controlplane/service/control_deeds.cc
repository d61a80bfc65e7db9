// SPDX-License-Identifier: Apache-2.0
//
// The Control service's handlers that change something: each leaves an event, done or refused.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/service/control_service.h"
#include "controlplane/service/overrides.h"
#include "controlplane/service/refusal.h"
#include "controlplane/service/step_event.h"

namespace sluice::controlplane {
namespace {

constexpr size_t kBackupChunk = size_t{1} << 20;

// Whose name a refusal carries: what the caller claims counts only where nobody has an identity.
std::string actor_of(const Caller& caller, const std::string& author) {
  return caller.has_identity || author.empty() ? caller.name : author;
}

std::string override_kind(const v1::Override& override) {
  if (override.state() == v1::Override::STATE_RECALLED) return "recall";
  return override.state() == v1::Override::STATE_DRAINING ? "drain" : "lift";
}

}  // namespace

absl::StatusOr<Caller> ControlService::admit(grpc::ServerContext* context, v1::Role needed,
                                             const Deed& deed) const {
  absl::StatusOr<Caller> caller = admit(context, needed, std::string_view(deed.kind));
  if (!caller.ok()) note_refusal(deed, parts_.caller(context), caller.status());
  return caller;
}

void ControlService::note_refusal(const Deed& deed, const Caller& caller,
                                  const absl::Status& status) const {
  if (is_pending(status)) return;  // its own event says so
  if (caller.role == v1::ROLE_UNSPECIFIED) return note_stranger(deed, caller);
  const std::string actor = actor_of(caller, deed.author);
  spdlog::warn("{} by {}: refused: {}", deed.kind, actor.empty() ? "unknown" : actor,
               std::string(status.message()));
  v1::Event event = step_event(deed.kind, actor, std::string(status.message()));
  event.set_target(deed.target);
  event.set_outcome(v1::Event::OUTCOME_REFUSED);
  const std::shared_ptr<const InForce> running = parts_.changes.running();
  event.set_revision(running->revision);
  event.set_generation(running->generation);
  if (!deed.reason.empty()) (*event.mutable_details())["message"] = deed.reason;
  if (const absl::Status written = parts_.events.append(std::move(event)); !written.ok())
    spdlog::error("event: {}", std::string(written.message()));
}

void ControlService::note_stranger(const Deed& deed, const Caller& caller) const {
  const uint64_t unsaid = parts_.strangers.take(std::chrono::steady_clock::now());
  if (unsaid == 0) return;
  spdlog::warn("{} by {}, who has no role: refused, one of {} such calls since the last line",
               deed.kind, caller.name.empty() ? "somebody" : caller.name, unsaid);
}

void ControlService::note_unchanged(const Deed& deed, const Caller& caller) const {
  v1::Event event = step_event(deed.kind, actor_of(caller, deed.author), deed.reason);
  event.set_target(deed.target);
  (*event.mutable_details())["effect"] = "nothing changed";
  const std::shared_ptr<const InForce> running = parts_.changes.running();
  event.set_revision(running->revision);
  event.set_generation(running->generation);
  if (const absl::Status written = parts_.events.append(std::move(event)); !written.ok())
    spdlog::error("event: {}", std::string(written.message()));
}

template <typename Response>
grpc::Status ControlService::finish(const Deed& deed, const Caller& caller,
                                    absl::StatusOr<Response> result, Response* response) const {
  if (!result.ok()) {
    note_refusal(deed, caller, result.status());
    return reply(result.status());
  }
  *response = *std::move(result);
  const std::string actor = actor_of(caller, deed.author);
  spdlog::info("{} by {}: generation {} is in force", deed.kind, actor.empty() ? "unknown" : actor,
               parts_.changes.running()->generation);
  return grpc::Status::OK;
}

grpc::Status ControlService::Apply(grpc::ServerContext* context, const v1::ApplyRequest* request,
                                   v1::ApplyResponse* response) {
  const Deed deed = {request->break_glass() ? "break-glass" : "apply", "policy", request->author(),
                     request->message()};
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_OPERATOR, deed);
  if (!caller.ok()) return reply(caller.status());
  grpc::Status status = finish(deed, *caller, parts_.changes.apply(*request, *caller), response);
  if (status.ok() && response->plan().diff().empty()) note_unchanged(deed, *caller);
  return status;
}

grpc::Status ControlService::Rollback(grpc::ServerContext* context,
                                      const v1::RollbackRequest* request,
                                      v1::ApplyResponse* response) {
  const Deed deed = {request->break_glass() ? "break-glass" : "rollback",
                     absl::StrCat("revision/", request->revision()), request->author(),
                     request->message()};
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_OPERATOR, deed);
  if (!caller.ok()) return reply(caller.status());
  grpc::Status status = finish(deed, *caller, parts_.changes.rollback(*request, *caller), response);
  if (status.ok() && response->plan().diff().empty()) note_unchanged(deed, *caller);
  return status;
}

grpc::Status ControlService::Confirm(grpc::ServerContext* context,
                                     const v1::ConfirmRequest* request,
                                     v1::ConfirmResponse* response) {
  const Deed deed = {"confirm", absl::StrCat("revision/", request->revision()), "", ""};
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_OPERATOR, deed);
  if (!caller.ok()) return reply(caller.status());
  return finish(deed, *caller, parts_.changes.confirm(*request, *caller), response);
}

grpc::Status ControlService::DecideChange(grpc::ServerContext* context,
                                          const v1::DecideChangeRequest* request,
                                          v1::DecideChangeResponse* response) {
  const Deed deed = {request->reject() ? "reject" : "approve",
                     absl::StrCat("change/", request->id()), "", request->message()};
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_OPERATOR, deed);
  if (!caller.ok()) return reply(caller.status());
  return finish(deed, *caller, parts_.changes.decide(*request, *caller), response);
}

grpc::Status ControlService::SetOverride(grpc::ServerContext* context,
                                         const v1::SetOverrideRequest* request,
                                         v1::SetOverrideResponse* response) {
  std::vector<std::string> targets;
  for (const v1::Override& change : overrides_of(*request))
    targets.push_back(target_of(change));
  const Deed deed = {override_kind(request->override()), absl::StrJoin(targets, ", "),
                     request->author(), request->message()};
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_OPERATOR, deed);
  if (!caller.ok()) return reply(caller.status());
  const absl::Time begin = absl::Now();
  grpc::Status status =
      finish(deed, *caller, parts_.changes.set_override(*request, *caller), response);
  if (!status.ok()) return status;
  if (response->nodes().empty() && response->generation() != 0) note_unchanged(deed, *caller);
  if (request->override().state() != v1::Override::STATE_RECALLED) return status;
  absl::StatusOr<v1::RecallCertificate> certificate = parts_.recalls.settle(
      request->override(), std::max(kRecallPatienceMin, begin + kRecallPatience - absl::Now()));
  if (!certificate.ok()) return reply(certificate.status());
  *response->mutable_certificate() = *std::move(certificate);
  return status;
}

grpc::Status ControlService::Backup(grpc::ServerContext* context, const v1::BackupRequest*,
                                    grpc::ServerWriter<v1::BackupResponse>* writer) {
  const Deed deed = {"backup", "controller", "", ""};
  const absl::StatusOr<Caller> caller = admit(context, v1::ROLE_ADMIN, deed);
  if (!caller.ok()) return reply(caller.status());
  // Written down first, so that a backup says of itself that it was taken.
  v1::Event event = step_event(deed.kind, caller->name, "");
  event.set_target(deed.target);
  event.set_revision(parts_.changes.running()->revision);
  event.set_generation(parts_.changes.running()->generation);
  if (absl::Status status = parts_.events.append(event); !status.ok()) return reply(status);
  const absl::StatusOr<std::string> path = parts_.store.copy();
  if (!path.ok()) return reply(path.status());
  std::ifstream file(*path, std::ios::binary);
  std::error_code ignored;
  std::filesystem::remove(*path, ignored);  // the open file stays readable
  v1::BackupResponse piece;
  std::string& chunk = *piece.mutable_chunk();
  while (file) {
    chunk.resize(kBackupChunk);
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    chunk.resize(static_cast<size_t>(file.gcount()));
    if (!chunk.empty() && !writer->Write(piece)) break;  // the reader is gone
  }
  if (file.bad()) return reply(absl::DataLossError("the copy of the store cannot be read"));
  return grpc::Status::OK;
}

}  // namespace sluice::controlplane
