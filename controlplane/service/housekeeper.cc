// SPDX-License-Identifier: Apache-2.0
//
// What the controller does by itself, with nobody asking.
#include "controlplane/service/housekeeper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>

namespace sluice::controlplane {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(200);
constexpr absl::Duration kRecallInterval = absl::Seconds(1);
constexpr absl::Duration kWarnInterval = absl::Minutes(1);

}  // namespace

Housekeeper::Housekeeper(ChangeService& changes, Recalls& recalls, Fleet& fleet)
    : changes_(changes), recalls_(recalls), fleet_(fleet), thread_([this] { run(); }) {}

Housekeeper::~Housekeeper() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void Housekeeper::run() {
  for (;;) {
    const absl::Time now = changes_.now();
    tend_changes(now);
    tend_recalls(now);
    warn(now);
    overtake();
    const absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kInterval)) return;
  }
}

void Housekeeper::tend_changes(absl::Time now) {
  const absl::Status status = changes_.tend(now);
  const std::string error(status.message());
  // What fails is tried again at once, and said once.
  if (!status.ok() && error != last_error_) {
    spdlog::error("what waits to be confirmed or approved: {}", error);
  }
  last_error_ = error;
}

void Housekeeper::tend_recalls(absl::Time now) {
  if (now < look_at_recalls_) return;
  look_at_recalls_ = now + kRecallInterval;
  if (const absl::Status status = recalls_.tend(); !status.ok()) {
    spdlog::error("recalls: {}", std::string(status.message()));
  }
}

void Housekeeper::warn(absl::Time now) {
  const std::shared_ptr<const InForce> running = changes_.running();
  if (!running->waiting || !running->waiting->breaks_glass) {
    warn_at_ = absl::InfinitePast();
    return;
  }
  if (now < warn_at_) return;
  warn_at_ = now + kWarnInterval;
  spdlog::warn("{}", notice_of(*running->waiting));
}

void Housekeeper::overtake() {
  const std::shared_ptr<const InForce> running = changes_.running();
  if (running->table == nullptr) return;
  uint64_t highest = 0;
  for (const v1::NodeEntry& node : fleet_.nodes()) {
    const bool is_of_before = node.connected() && node.status().term() < running->term &&
                              node.status().digest() != running->table->digest();
    if (is_of_before) highest = std::max(highest, node.status().generation());
  }
  const bool is_stale = running->table->message().term() != running->term;
  if (!is_stale && highest < running->generation) return;
  if (const absl::Status status = changes_.overtake(highest); !status.ok()) {
    spdlog::error("after the restore: {}", std::string(status.message()));
  }
}

}  // namespace sluice::controlplane
