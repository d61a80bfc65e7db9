// SPDX-License-Identifier: Apache-2.0
//
// Giving of ids that are never given again.
#include "dataplane/table/registry.h"

namespace sluice::dataplane {
namespace {

constexpr uint32_t kGenerationMax = (1u << (32 - BackendId::kIndexBits)) - 1;

}  // namespace

std::optional<BackendId> Registry::backend(const BackendIdentity& identity) {
  const std::lock_guard lock(mutex_);
  const auto known = backends_.find(identity);
  if (known != backends_.end()) return known->second;
  uint32_t index = 0;
  if (!free_indices_.empty()) {
    index = free_indices_.back();
    free_indices_.pop_back();
  } else if (next_generation_.size() < kBackendsMax) {
    index = static_cast<uint32_t>(next_generation_.size());
    next_generation_.push_back(1);  // so that no id is 0
  } else {
    return std::nullopt;
  }
  const BackendId id = BackendId::make(index, next_generation_[index]++);
  backends_.emplace(identity, id);
  return id;
}

void Registry::release_all_but(std::span<const BackendId> kept) {
  const std::lock_guard lock(mutex_);
  std::vector<BackendId> kept_at(next_generation_.size());  // by index
  for (const BackendId id : kept)
    kept_at[id.index()] = id;
  for (auto entry = backends_.begin(); entry != backends_.end();) {
    if (kept_at[entry->second.index()] == entry->second) {
      ++entry;
      continue;
    }
    const uint32_t index = entry->second.index();
    if (next_generation_[index] <= kGenerationMax) free_indices_.push_back(index);
    entry = backends_.erase(entry);
  }
}

std::optional<TargetId> Registry::target(const TargetNames& names) {
  const std::lock_guard lock(mutex_);
  const auto known = targets_.find(names);
  if (known != targets_.end()) return known->second;
  if (target_names_.size() + 1 >= kTargetsMax) return std::nullopt;  // line 0 is nobody's
  target_names_.push_back(names);
  const TargetId id{static_cast<uint32_t>(target_names_.size())};
  targets_.emplace(names, id);
  return id;
}

ClassId Registry::client_class(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = classes_.try_emplace(name);
  if (is_new) {
    class_names_.push_back(name);
    entry->second = ClassId{static_cast<uint32_t>(class_names_.size())};
  }
  return entry->second;
}

RolloutId Registry::rollout(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = rollouts_.try_emplace(name);
  if (is_new) {
    rollout_names_.push_back(name);
    entry->second = RolloutId{static_cast<uint32_t>(rollout_names_.size())};
  }
  return entry->second;
}

std::optional<TargetNames> Registry::names(TargetId id) const {
  const std::lock_guard lock(mutex_);
  if (id.is_none() || id.value > target_names_.size()) return std::nullopt;
  return target_names_[id.value - 1];
}

std::optional<std::string> Registry::name(ClassId id) const {
  const std::lock_guard lock(mutex_);
  if (id.is_none() || id.value > class_names_.size()) return std::nullopt;
  return class_names_[id.value - 1];
}

std::vector<std::pair<TargetId, IpAddress>> Registry::targets_of(const std::string& pool,
                                                                 const std::string& backend) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<TargetId, IpAddress>> found;
  for (uint32_t i = 0; i < target_names_.size(); ++i) {
    const BackendIdentity& identity = target_names_[i].backend;
    if (identity.pool != pool || (!backend.empty() && identity.name != backend)) continue;
    found.emplace_back(TargetId{i + 1}, identity.address);
  }
  return found;
}

std::unique_ptr<Registry> Registry::copy() const {
  const std::lock_guard lock(mutex_);
  auto other = std::make_unique<Registry>();
  other->backends_ = backends_;
  other->next_generation_ = next_generation_;
  other->free_indices_ = free_indices_;
  other->targets_ = targets_;
  other->target_names_ = target_names_;
  other->classes_ = classes_;
  other->class_names_ = class_names_;
  other->rollouts_ = rollouts_;
  other->rollout_names_ = rollout_names_;
  return other;
}

std::optional<std::string> Registry::name(RolloutId id) const {
  const std::lock_guard lock(mutex_);
  if (id.is_none() || id.value > rollout_names_.size()) return std::nullopt;
  return rollout_names_[id.value - 1];
}

uint32_t Registry::target_count() const {
  const std::lock_guard lock(mutex_);
  return static_cast<uint32_t>(target_names_.size());
}

}  // namespace sluice::dataplane
