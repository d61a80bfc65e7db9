// SPDX-License-Identifier: Apache-2.0
//
// Fills the archive: every table that is pushed, every view that nodes kept.
#include "controlplane/service/archivist.h"

#include <spdlog/spdlog.h>

#include <string>
#include <vector>

#include "absl/time/clock.h"

namespace sluice::controlplane {
namespace {

constexpr absl::Duration kPullInterval = absl::Seconds(1);
constexpr absl::Duration kExpireInterval = absl::Hours(1);

}  // namespace

Archivist::Archivist(TableArchive& archive, Fleet& fleet, absl::Duration kept)
    : archive_(archive), fleet_(fleet), kept_(kept), thread_([this] { run(); }) {}

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
    if (node.connected()) pull_of(node.name());
  }
}

void Archivist::pull_of(const std::string& node) {
  const absl::StatusOr<TableArchive::Position> position = archive_.position_of(node);
  if (!position.ok()) {
    spdlog::error("archive: {}", std::string(position.status().message()));
    return;
  }
  v1::ListViewsRequest request;
  request.set_incarnation(position->incarnation);
  request.set_after(position->view);
  const absl::StatusOr<v1::ListViewsResponse> answer = fleet_.views(node, request);
  absl::Status status = answer.status();
  if (answer.ok() && !answer->views().empty())
    status = archive_.add_views({answer->views().begin(), answer->views().end()});
  const std::string error(status.message());
  if (!status.ok() && error != last_error_) spdlog::error("archive: node {}: {}", node, error);
  last_error_ = error;
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
