// SPDX-License-Identifier: Apache-2.0
//
// The node's memory of every backend, target, client class and rollout it ever ran, so that ids in
// flows and records can be given names after the table that had them is gone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/net/ip_address.h"
#include "dataplane/table/ids.h"

namespace sluice::dataplane {

using Labels = std::map<std::string, std::string>;

struct BackendIdentity {
  std::string pool;
  std::string name;
  IpAddress address;
  friend auto operator<=>(const BackendIdentity&, const BackendIdentity&) = default;
};

// Everything a record says about where a part went.
struct TargetNames {
  std::string service;
  std::string route;
  std::string rollout;  // that gave the part to its candidate; empty: none
  BackendIdentity backend;
  Labels pool_labels;  // the backend's labels over the pool's
  friend auto operator<=>(const TargetNames&, const TargetNames&) = default;
};

// Thread: any; every call locks. Never called by an lcore.
class Registry {
 public:
  static constexpr uint32_t kBackendsMax = 1u << BackendId::kIndexBits;
  static constexpr uint32_t kTargetsMax = 1u << 18;  // counter lines per lcore; 64 bytes each

  // The id of this backend: the same as long as no `release_all_but` left it out, then a new one.
  // Errors: nullopt when all indices are used up.
  std::optional<BackendId> backend(const BackendIdentity& identity);
  // Releases every backend whose id is not in `kept`. A released id is never given again; its index
  // is.
  void release_all_but(std::span<const BackendId> kept);

  // The id of this (route, rollout, backend) with these labels: what a record says of a part is
  // what held when the part began.  Errors: nullopt when kTargetsMax are used.
  std::optional<TargetId> target(const TargetNames& names);
  ClassId client_class(const std::string& name);
  RolloutId rollout(const std::string& name);

  // Errors: nullopt when the id was never given.
  std::optional<TargetNames> names(TargetId id) const;
  std::optional<std::string> name(ClassId id) const;
  std::optional<std::string> name(RolloutId id) const;
  // Every target of this pool, or of its one backend of this name when that is not empty, with the
  // address that the backend had.
  std::vector<std::pair<TargetId, IpAddress>> targets_of(const std::string& pool,
                                                         const std::string& backend) const;
  // A registry of its own that knows the same ids.
  std::unique_ptr<Registry> copy() const;
  uint32_t target_count() const;  // ids 1..count have been given

 private:
  mutable std::mutex mutex_;
  std::map<BackendIdentity, BackendId> backends_;
  std::vector<uint32_t> next_generation_;  // by backend index
  std::vector<uint32_t> free_indices_;
  std::map<TargetNames, TargetId> targets_;
  std::vector<TargetNames> target_names_;
  std::map<std::string, ClassId> classes_;
  std::vector<std::string> class_names_;
  std::map<std::string, RolloutId> rollouts_;
  std::vector<std::string> rollout_names_;
};

}  // namespace sluice::dataplane
