// SPDX-License-Identifier: Apache-2.0
//
// Publication by quiescent states.
#include "dataplane/runtime/snapshot_publisher.h"

#include <rte_atomic.h>
#include <rte_rcu_qsbr.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::dataplane {

namespace {

// Between two looks at the readers: a turn takes a few microseconds, an idle sleep some tens.
constexpr std::chrono::microseconds kPollPeriod{20};

}  // namespace

SnapshotPublisher::SnapshotPublisher(std::vector<uint32_t> lcores) : lcores_(std::move(lcores)) {
  const auto readers = static_cast<uint32_t>(lcores_.size());
  const size_t size = rte_rcu_qsbr_get_memsize(readers);
  qsbr_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, size)));
  rte_rcu_qsbr_init(qsbr_.get(), readers);
}

SnapshotPublisher::~SnapshotPublisher() = default;

absl::Status SnapshotPublisher::publish(std::unique_ptr<const Snapshot> next,
                                        std::chrono::milliseconds deadline) {
  reclaim();
  if (retired_.size() == kRetiredMax && !wait_for(retired_.front().token, deadline)) {
    return absl::UnavailableError(
        absl::StrCat("not published: ", lcores_before(retired_.front().token),
                     " did not let go of old snapshots"));
  }
  reclaim();
  current_.store(next.get(), std::memory_order_release);  // pairs with `QsbrReader::snapshot`
  // Pairs with the fence in rte_rcu_qsbr_thread_online: whom `has_passed` takes for offline loads
  // this snapshot when it comes back.
  rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
  std::swap(live_, next);
  const uint64_t token =
      rte_rcu_qsbr_start(qsbr_.get());  // after the store: who passes it saw the new one
  if (next != nullptr) retired_.push_back({token, std::move(next)});

  if (!wait_for(token, deadline)) {
    return absl::UnavailableError(absl::StrCat("in force, but ", lcores_before(token),
                                               " did not come round in ", deadline.count(), " ms"));
  }
  reclaim();
  return absl::OkStatus();
}

void SnapshotPublisher::reclaim() {
  while (!retired_.empty() && has_passed(retired_.front().token))
    retired_.pop_front();
}

bool SnapshotPublisher::has_passed(uint64_t token) const {
  return rte_rcu_qsbr_check(qsbr_.get(), token, /*wait=*/false) == 1;
}

bool SnapshotPublisher::wait_for(uint64_t token, std::chrono::milliseconds deadline) const {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!has_passed(token)) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kPollPeriod);
  }
  return true;
}

std::string SnapshotPublisher::lcores_before(uint64_t token) const {
  std::vector<std::string> names;
  for (size_t reader = 0; reader < lcores_.size(); ++reader) {
    const uint64_t passed = __atomic_load_n(&qsbr_->qsbr_cnt[reader].cnt, __ATOMIC_ACQUIRE);
    if (passed != __RTE_QSBR_CNT_THR_OFFLINE && passed < token)
      names.push_back(absl::StrCat("lcore ", lcores_[reader]));
  }
  return absl::StrJoin(names, ", ");
}

QsbrReader::QsbrReader(SnapshotPublisher& publisher, uint32_t reader)
    : publisher_(publisher), reader_(reader) {
  rte_rcu_qsbr_thread_register(publisher_.qsbr_.get(), reader_);
  rte_rcu_qsbr_thread_online(publisher_.qsbr_.get(), reader_);
}

QsbrReader::~QsbrReader() {
  rte_rcu_qsbr_thread_offline(publisher_.qsbr_.get(), reader_);
  rte_rcu_qsbr_thread_unregister(publisher_.qsbr_.get(), reader_);
}

void QsbrReader::quiescent() noexcept {
  rte_rcu_qsbr_quiescent(publisher_.qsbr_.get(), reader_);
}
void QsbrReader::go_offline() noexcept {
  rte_rcu_qsbr_thread_offline(publisher_.qsbr_.get(), reader_);
}
void QsbrReader::go_online() noexcept {
  rte_rcu_qsbr_thread_online(publisher_.qsbr_.get(), reader_);
}

}  // namespace sluice::dataplane
