// SPDX-License-Identifier: Apache-2.0
//
// Fills the archive: every table that is pushed, every view that nodes kept.
#include "controlplane/service/archivist.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"

namespace sluice::controlplane {
namespace {

constexpr absl::Duration kPullInterval = absl::Seconds(1);
constexpr absl::Duration kExpireInterval = absl::Hours(1);

}  // namespace

Archivist::Archivist(TableArchive& archive, Fleet& fleet, EventLog& events, absl::Duration kept)
    : archive_(archive), fleet_(fleet), events_(events), kept_(kept), thread_([this] { run(); }) {}

Archivist::~Archivist() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
  write();  // what was pushed last is kept too
}

void Archivist::add(Target table) {
  if (table == nullptr) return;
  const absl::MutexLock lock(&mutex_);
  waiting_.emplace_back(std::move(table), absl::Now());
}

void Archivist::run() {
  for (;;) {
    write();
    pull();
    expire(absl::Now());
    const absl::MutexLock lock(&mutex_);
    const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return stopping_ || !waiting_.empty();
    };
    mutex_.AwaitWithTimeout(absl::Condition(&has_work), kPullInterval);
    if (stopping_) return;
  }
}

void Archivist::write() {
  for (;;) {
    std::pair<Target, absl::Time> next;
    {
      const absl::MutexLock lock(&mutex_);
      if (waiting_.empty()) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    const absl::Status status =
        archive_.add_table(next.first->generation(), next.second, next.first->bytes());
    if (!status.ok()) {
      spdlog::error("archive: generation {} is not kept: {}", next.first->generation(),
                    std::string(status.message()));
    }
  }
}

void Archivist::pull() {
  if (absl::Now() < pull_at_) return;
  pull_at_ = absl::Now() + kPullInterval;
  for (const v1::NodeEntry& node : fleet_.nodes()) {
    if (!node.connected()) continue;
    const std::string error(pull_of(node.name()).message());
    if (!error.empty() && error != last_error_)
      spdlog::error("archive: node {}: {}", node.name(), error);
    last_error_ = error;
  }
}

absl::Status Archivist::pull_of(const std::string& node) {
  const absl::StatusOr<TableArchive::Position> position = archive_.position_of(node);
  if (!position.ok()) return position.status();
  v1::ListViewsRequest request;
  request.set_incarnation(position->incarnation);
  request.set_after(position->view);
  const absl::StatusOr<v1::ListViewsResponse> answer = fleet_.views(node, request);
  if (!answer.ok() || answer->views().empty()) return answer.status();
  return keep(node, *answer);
}

// Events first: views that are kept are not asked for again.
absl::Status Archivist::keep(const std::string& node, const v1::ListViewsResponse& answer) {
  Watches watches = watches_of(node);
  std::vector<v1::Event> events = watches.expiry.look_at(answer.views());
  std::ranges::move(watches.steering.look_at(answer.views()), std::back_inserter(events));
  for (v1::Event& event : events) {
    if (absl::Status written = events_.append(std::move(event)); !written.ok()) return written;
  }
  watches_[node] = std::move(watches);
  return archive_.add_views({answer.views().begin(), answer.views().end()});
}

const Archivist::Watches& Archivist::watches_of(const std::string& node) {
  const auto [place, is_new] = watches_.try_emplace(node);
  if (!is_new) return place->second;
  const auto last = archive_.view_at(node, absl::InfiniteFuture());
  if (last.ok()) {
    place->second.expiry.begin_with(*last);
    place->second.steering.begin_with(*last);
  }
  return place->second;
}

void Archivist::expire(absl::Time now) {
  if (now < expire_at_) return;
  expire_at_ = now + kExpireInterval;
  const absl::StatusOr<uint64_t> deleted = archive_.expire(now - kept_);
  if (!deleted.ok()) {
    spdlog::error("archive: retention: {}", std::string(deleted.status().message()));
  }
}

}  // namespace sluice::controlplane
