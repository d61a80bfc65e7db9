// SPDX-License-Identifier: Apache-2.0
//
// Hands snapshots from the one control thread to all lcores and frees them when no lcore can see
// them. Source: DPDK programmer's guide, RCU library: quiescent state based reclamation.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "dataplane/table/snapshot.h"

struct rte_rcu_qsbr;

namespace sluice::dataplane {

class QsbrReader;

// Thread: control, all methods.
class SnapshotPublisher {
 public:
  static constexpr size_t kRetiredMax =
      8;  // a turn is short, so 8 waiting means that an lcore is stuck

  // Shape: reader i runs on lcore `lcores[i]`; the names are for people.
  explicit SnapshotPublisher(std::vector<uint32_t> lcores);
  ~SnapshotPublisher();  // every reader is gone

  // Makes `next` the snapshot of all readers and waits until each has passed a quiescent state
  // since. Errors: UNAVAILABLE, naming the lcores that did not: either `next` is in force and they
  // will see it when they come round, or kRetiredMax snapshots still wait for them and nothing was
  // published; the message says which.
  absl::Status publish(std::unique_ptr<const Snapshot> next, std::chrono::milliseconds deadline);

  // Frees, oldest first, what every reader has let go of. Never waits.
  void reclaim();
  size_t retired_count() const { return retired_.size(); }

 private:
  friend class QsbrReader;
  struct Retired {
    uint64_t token;
    std::unique_ptr<const Snapshot> snapshot;
  };
  struct Free {
    void operator()(rte_rcu_qsbr* qsbr) const { std::free(qsbr); }
  };

  bool has_passed(uint64_t token) const;
  bool wait_for(uint64_t token, std::chrono::milliseconds deadline) const;
  std::string lcores_before(uint64_t token) const;

  std::vector<uint32_t> lcores_;
  std::unique_ptr<rte_rcu_qsbr, Free> qsbr_;
  std::unique_ptr<const Snapshot> live_;  // owner of what `current_` points to
  std::deque<Retired> retired_;
  alignas(64) std::atomic<const Snapshot*> current_{
      nullptr};  // written by control, read by every lcore
};

// One lcore's view of the publisher. No reference into a snapshot may be kept past `quiescent` or
// `go_offline`. Thread: the lcore that made it.
class QsbrReader {
 public:
  QsbrReader(SnapshotPublisher& publisher, uint32_t reader);  // online from here
  ~QsbrReader();
  QsbrReader(const QsbrReader&) = delete;
  QsbrReader& operator=(const QsbrReader&) = delete;

  // nullptr before the first publish.
  const Snapshot* snapshot() const noexcept {
    return publisher_.current_.load(
        std::memory_order_acquire);  // pairs with the store in `publish`
  }
  void quiescent() noexcept;
  void go_offline() noexcept;
  void go_online() noexcept;

 private:
  SnapshotPublisher& publisher_;
  uint32_t reader_;
};

}  // namespace sluice::dataplane
