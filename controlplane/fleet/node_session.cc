// SPDX-License-Identifier: Apache-2.0
//
// Keeps one node at the table that it should run.
#include "controlplane/fleet/node_session.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::controlplane {
namespace {

using dataplane::CanonicalTable;

// A refused table would be refused again; a node is not made to build it every second.
constexpr absl::Duration kRetryRefused = absl::Seconds(10);
// Longer than a push can take, so that a waiter sees its end.
constexpr std::chrono::seconds kTurnTimeout{70};
constexpr int kPushAttempts = 2;
// How late somebody who waits for the turn sees that the passage is over.
constexpr absl::Duration kTurnLook = absl::Milliseconds(20);

bool means_away(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsCancelled(status);
}

// A failure of the node's own says so itself, whoever had the way meanwhile.
bool was_stopped(const absl::Status& status, const RightOfWay::Passage& passage) {
  return absl::IsCancelled(status) && passage.is_over();
}

void set_time(google::protobuf::Timestamp& to, absl::Time time) {
  const int64_t nanoseconds = absl::ToUnixNanos(time);
  to.set_seconds(nanoseconds / 1'000'000'000);
  to.set_nanos(static_cast<int32_t>(nanoseconds % 1'000'000'000));
}

}  // namespace

NodeSession::NodeSession(NodeAddress address, std::shared_ptr<NodeClient> client,
                         TableHistory& history)
    : address_(std::move(address)), client_(std::move(client)), history_(history) {}

NodeSession::~NodeSession() {
  stop();
}

void NodeSession::start(absl::Duration interval) {
  thread_ = std::thread([this, interval] { run(interval); });
}

void NodeSession::stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void NodeSession::run(absl::Duration interval) {
  StatusDetail detail = StatusDetail::kFull;
  uint64_t looks = 0;  // that were asked for when the present one began
  for (;;) {
    ask_status(detail);
    reconcile();
    const absl::MutexLock lock(&mutex_);
    looks_done_ = looks;
    const auto is_called = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return stopping_ || looks_asked_ > looks_done_;
    };
    const bool hurries = mutex_.AwaitWithTimeout(absl::Condition(&is_called), interval);
    if (stopping_) return;
    detail = hurries ? StatusDetail::kBrief : StatusDetail::kFull;
    looks = looks_asked_;
  }
}

void NodeSession::hurry() {
  const absl::MutexLock lock(&mutex_);
  ++looks_asked_;
}

v1::NodeResult NodeSession::result(absl::Time until) const {
  const absl::MutexLock lock(&mutex_);
  const uint64_t looks = looks_asked_;
  const auto is_looked_at = [this, looks]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || looks_done_ >= looks;
  };
  const bool is_known = mutex_.AwaitWithDeadline(absl::Condition(&is_looked_at), until);
  v1::NodeResult result;
  result.set_node(address_.name);
  result.set_committed(target_ == nullptr || status_.digest() == target_->digest());
  if (result.committed()) return result;
  if (!is_known) {
    result.set_message("no answer yet");
  } else {
    result.set_message(connected_ ? push_error_ : error_);
  }
  return result;
}

std::string NodeSession::why_away(const absl::StatusOr<v1::GetStatusResponse>& answer) const {
  if (!answer.ok()) return std::string(answer.status().message());
  if (answer->node() == address_.name) return "";
  return absl::StrCat("the node at ", address_.address, " is named ", answer->node(), ", not ",
                      address_.name, ": correct `nodes` here or `node` there");
}

void NodeSession::ask_status(StatusDetail detail, RightOfWay::Passage* passage) {
  absl::StatusOr<v1::GetStatusResponse> answer = client_->status(detail, passage);
  // A call that gave way says nothing about the node.
  if (!answer.ok() && passage != nullptr && passage->is_over()) return;
  const std::string error = why_away(answer);
  {
    const absl::MutexLock lock(&mutex_);
    connected_ = error.empty();
    if (connected_) {
      if (detail == StatusDetail::kBrief) {  // these are as old as the last full look
        answer->mutable_backends()->Swap(status_.mutable_backends());
        answer->mutable_ports()->Swap(status_.mutable_ports());
      }
      status_ = *std::move(answer);
      ever_seen_ = true;
      last_seen_ = absl::Now();
    }
    if (error != error_ && connected_) {
      spdlog::info("node {}: connected, generation {}", address_.name, status_.generation());
    } else if (error != error_) {
      spdlog::warn("node {}: {}", address_.name, error);
    }
    error_ = error;
  }
  if (!error.empty() && on_away_) on_away_();
}

bool NodeSession::is_behind() const {
  const absl::MutexLock lock(&mutex_);
  if (!connected_ || target_ == nullptr || status_.digest() == target_->digest()) return false;
  return refused_digest_ != target_->digest() || absl::Now() >= retry_at_;
}

bool NodeSession::has_older_recalls(const CanonicalTable& target) const {
  return take_recalls_ && !status_.recalls().empty() && status_.term() < target.message().term();
}

bool NodeSession::give_older_recalls(uint64_t& term) {
  v1::GetStatusResponse status;
  {
    const absl::MutexLock lock(&mutex_);
    term = target_->message().term();
    if (!has_older_recalls(*target_)) return true;
    status = status_;
  }
  const absl::Status taken = take_recalls_(status);
  if (!taken.ok()) {
    spdlog::error("node {}: its recalls of before the restore cannot be taken over: {}",
                  address_.name, std::string(taken.message()));
  }
  return taken.ok();
}

void NodeSession::reconcile() {
  // Before the turn: whoever takes recalls over has to push them.
  uint64_t term = 0;
  if (!is_behind() || !give_older_recalls(term) || !take_turn()) return;
  // What was read before the turn may be older than somebody else's push.
  ask_status(StatusDetail::kBrief);
  Target target;
  {
    const absl::MutexLock lock(&mutex_);
    target = target_;
  }
  // A restore that is overtaken meanwhile asks for the recalls again.
  const bool may_push = target->message().term() == term;
  if (may_push && is_behind()) record_push(*target, push(*target));
  give_turn_back();
}

void NodeSession::record_push(const CanonicalTable& table, const absl::Status& status) {
  const std::string error(status.message());
  bool is_news = false;
  {
    const absl::MutexLock lock(&mutex_);
    is_news = error != push_error_ || refused_digest_ != table.digest();
    push_error_ = error;
    refused_digest_ = status.ok() ? "" : table.digest();
    retry_at_ = absl::Now() + (means_away(status) ? absl::ZeroDuration() : kRetryRefused);
  }
  if (status.ok()) {
    spdlog::info("node {}: brought to generation {}", address_.name, table.generation());
  } else if (is_news) {
    spdlog::error("node {}: does not take generation {}: {}", address_.name, table.generation(),
                  error);
    if (!means_away(status) && on_refusal_) on_refusal_(address_.name, table.generation(), error);
  }
}

absl::Status NodeSession::push(const CanonicalTable& table) {
  absl::Status status;
  for (int i = 0; i < kPushAttempts; ++i) {
    if (status = send(table, nullptr); !status.ok()) return status;
    status = switch_to(table, nullptr);
    // A table that somebody gave up staging may have arrived in between.
    if (!absl::IsFailedPrecondition(status)) return status;
  }
  return status;
}

absl::Status NodeSession::send(const CanonicalTable& table, RightOfWay::Passage* passage) {
  std::string base;
  {
    const absl::MutexLock lock(&mutex_);
    base = status_.digest();
  }
  absl::Status status = client_->stage(*history_.delta(base, table), passage).status();
  if (absl::IsFailedPrecondition(status) && !base.empty()) {
    // The node may run something else than it said last: from nothing, a delta fits every base.
    status = client_->stage(*history_.delta("", table), passage).status();
  }
  return status;
}

v1::NodeEffect NodeSession::preview(const CanonicalTable& table) {
  std::string base;
  {
    const absl::MutexLock lock(&mutex_);
    base = status_.digest();
  }
  v1::NodeEffect effect;
  effect.set_node(address_.name);
  const auto answer = client_->preview(*history_.delta(base, table));
  if (answer.ok()) {
    *effect.mutable_effects() = answer->effects();
    effect.set_memory_bytes(answer->memory_bytes());
    *effect.mutable_build_time() = answer->build_time();
  } else {
    effect.set_error(std::string(answer.status().message()));
  }
  return effect;
}

absl::Status NodeSession::switch_to(const CanonicalTable& table, RightOfWay::Passage* passage) {
  const absl::StatusOr<v1::CommitResponse> answer = client_->commit(table.generation(), passage);
  if (!answer.ok()) return answer.status();
  {
    const absl::MutexLock lock(&mutex_);
    status_.set_generation(table.generation());
    status_.set_revision(table.message().revision());
    status_.set_term(table.message().term());
    status_.set_digest(table.digest());
    status_.set_view(answer->view());
  }
  // Backends that were up under the table before may be others, drained or not probed yet.
  ask_status(StatusDetail::kFull, passage);
  return absl::OkStatus();
}

void NodeSession::aim(const Target& target) {
  const absl::MutexLock lock(&mutex_);
  target_ = target;
}

bool NodeSession::take_turn(const RightOfWay::Passage* passage) {
  const absl::MutexLock lock(&mutex_);
  const auto is_free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !turn_taken_; };
  const auto end = std::chrono::steady_clock::now() + kTurnTimeout;
  while (!mutex_.AwaitWithTimeout(absl::Condition(&is_free), kTurnLook)) {
    if (std::chrono::steady_clock::now() >= end || (passage != nullptr && passage->is_over()))
      return false;
  }
  turn_taken_ = true;
  return true;
}

void NodeSession::give_turn_back() {
  const absl::MutexLock lock(&mutex_);
  turn_taken_ = false;
}

absl::Status NodeSession::stage(const CanonicalTable& table, RightOfWay::Passage& passage) {
  // What was known may be old: it came back, it hangs, or another node has its address.
  ask_status(StatusDetail::kBrief, &passage);
  if (passage.is_over()) return given_way();
  {
    const absl::MutexLock lock(&mutex_);
    if (!connected_) return absl::UnavailableError(error_);
    if (has_older_recalls(table)) {
      return absl::UnavailableError("its recalls of before the restore are taken over first");
    }
  }
  if (!take_turn(&passage)) {
    return passage.is_over() ? given_way() : absl::UnavailableError("busy with another push");
  }
  absl::Status status = send(table, &passage);
  if (status.ok()) return status;
  give_turn_back();
  if (was_stopped(status, passage)) return given_way();
  return means_away(status) ? absl::UnavailableError(status.message()) : status;
}

absl::Status NodeSession::commit(const CanonicalTable& table, RightOfWay::Passage& passage) {
  absl::Status status = switch_to(table, &passage);
  give_turn_back();
  if (!was_stopped(status, passage)) return status;
  return absl::UnavailableError("a recall went first; the node is brought there by itself");
}

void NodeSession::abort(RightOfWay::Passage& passage) {
  // Whoever has the way sends another table, which takes the staged one's place.
  const absl::Status status = passage.is_over() ? absl::OkStatus() : client_->abort(&passage);
  if (!status.ok())
    spdlog::warn("node {}: abort: {}", address_.name, std::string(status.message()));
  give_turn_back();
}

bool NodeSession::is_connected() const {
  const absl::MutexLock lock(&mutex_);
  return connected_;
}

v1::NodeEntry NodeSession::entry() const {
  const absl::MutexLock lock(&mutex_);
  v1::NodeEntry entry;
  entry.set_name(address_.name);
  entry.set_address(address_.address);
  entry.set_connected(connected_);
  entry.set_error(connected_ ? push_error_ : error_);
  entry.set_target_generation(target_ == nullptr ? 0 : target_->generation());
  if (ever_seen_) {
    set_time(*entry.mutable_last_seen(), last_seen_);
    *entry.mutable_status() = status_;
  }
  return entry;
}

}  // namespace sluice::controlplane
