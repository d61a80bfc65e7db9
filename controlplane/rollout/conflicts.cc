// SPDX-License-Identifier: Apache-2.0
//
// What an edit of the policy means for rollouts that are under way.
#include "controlplane/rollout/conflicts.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "controlplane/rollout/machine.h"

namespace sluice::controlplane {
namespace {

bool says_the_same(const v1::Rollout* a, const v1::Rollout* b) {
  if (a == nullptr || b == nullptr) return false;
  v1::RolloutSpec one = a->spec();
  v1::RolloutSpec other = b->spec();
  one.clear_paused();
  other.clear_paused();
  return one.SerializeAsString() == other.SerializeAsString();
}

std::map<std::string, uint32_t> weights_of(const v1::Route& route) {
  std::map<std::string, uint32_t> weights;
  for (const v1::SplitEntry& entry : route.spec().split())
    weights[entry.pool()] = entry.weight();
  return weights;
}

const std::string& seed_of(const v1::Route& route) {
  return route.spec().split_seed().empty() ? route.metadata().name() : route.spec().split_seed();
}

bool splits_alike(const v1::Route* a, const v1::Route* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return weights_of(*a) == weights_of(*b) && seed_of(*a) == seed_of(*b);
}

bool split_is_edited(const v1::Rollout& rollout, const v1::Policy& running,
                     const v1::Policy& desired) {
  return !splits_alike(find_route(running, rollout.spec().route()),
                       find_route(desired, rollout.spec().route()));
}

void take_pause(const v1::Rollout& before, const v1::Rollout& after, v1::RolloutStatus& status) {
  if (before.spec().paused() == after.spec().paused() || !is_live(status)) return;
  const bool waits = status.phase() == v1::ROLLOUT_PHASE_PAUSED && status.is_pause_asked();
  if (after.spec().paused()) {
    status.set_phase(v1::ROLLOUT_PHASE_PAUSED);
    status.set_is_pause_asked(true);
    status.set_reason("the policy declares it paused");
  } else if (waits) {
    status.set_phase(v1::ROLLOUT_PHASE_PROGRESSING);
    status.set_is_pause_asked(false);
    status.set_reason("the policy declares it running");
  }
}

template <class Object>
const Object* find_named(const google::protobuf::RepeatedPtrField<Object>& objects,
                         const std::string& name) {
  const auto found = std::find_if(objects.begin(), objects.end(), [&](const Object& object) {
    return object.metadata().name() == name;
  });
  return found == objects.end() ? nullptr : &*found;
}

template <class Statuses>
const v1::RolloutStatus* find_status(const Statuses& statuses, const std::string& name) {
  for (const v1::RolloutStatus& status : statuses) {
    if (status.rollout() == name) return &status;
  }
  return nullptr;
}

bool is_pause_asked(const v1::RolloutStatus& status) {
  return status.phase() == v1::ROLLOUT_PHASE_PAUSED && status.is_pause_asked();
}

bool has_ended_badly(const v1::RolloutStatus& status, const std::string& name) {
  return status.rollout() == name && (status.phase() == v1::ROLLOUT_PHASE_FAILED ||
                                      status.phase() == v1::ROLLOUT_PHASE_ABORTED);
}

// The status with which the rollout had succeeded in the first of `past`; null: it had not, or it
// failed or was aborted since, in whatever form.
const v1::RolloutStatus* held_share(std::span<const v1::ListRolloutsResponse> past,
                                    std::span<const v1::RolloutStatus> now,
                                    const std::string& name) {
  const v1::RolloutStatus* was =
      past.empty() ? nullptr : find_status(past.front().rollouts(), name);
  if (was == nullptr || was->phase() != v1::ROLLOUT_PHASE_SUCCEEDED) return nullptr;
  const auto is_bad = [&](const v1::RolloutStatus& one) { return has_ended_badly(one, name); };
  if (std::any_of(now.begin(), now.end(), is_bad)) return nullptr;
  for (const v1::ListRolloutsResponse& later : past.subspan(1)) {
    if (std::any_of(later.rollouts().begin(), later.rollouts().end(), is_bad)) return nullptr;
  }
  return was;
}

// What later revisions made of a rollout that they kept.
void take_back(std::span<const v1::ListRolloutsResponse> past,
               std::span<const v1::RolloutStatus> now, v1::RolloutStatus& kept) {
  const v1::RolloutStatus* was =
      past.empty() ? nullptr : find_status(past.front().rollouts(), kept.rollout());
  if (was == nullptr) return;
  if (kept.phase() == v1::ROLLOUT_PHASE_SUCCEEDED && held_share(past, now, kept.rollout()) == was) {
    kept = *was;  // its share ended with an edit of the split
  }
  // A person paused it then, and nobody has resumed it since: that a policy declared it paused
  // meanwhile, and this one does not, starts nothing.
  const v1::RolloutStatus* current = find_status(now, kept.rollout());
  const bool stays_paused = is_pause_asked(*was) && current != nullptr && is_pause_asked(*current);
  if (stays_paused && kept.phase() == v1::ROLLOUT_PHASE_PROGRESSING) {
    kept.set_phase(v1::ROLLOUT_PHASE_PAUSED);
    kept.set_is_pause_asked(true);
    kept.set_reason(was->reason());
  }
}

}  // namespace

const v1::Rollout* find_rollout(const v1::Policy& policy, const std::string& name) {
  return find_named(policy.rollouts(), name);
}

const v1::Route* find_route(const v1::Policy& policy, const std::string& name) {
  return find_named(policy.routes(), name);
}

std::vector<std::string> conflicts(std::span<const v1::RolloutStatus> statuses,
                                   const v1::Policy& running, const v1::Policy& desired) {
  std::vector<std::string> found;
  for (const v1::RolloutStatus& status : statuses) {
    const v1::Rollout* before = find_rollout(running, status.rollout());
    const v1::Rollout* after = find_rollout(desired, status.rollout());
    if (!is_live(status) || !says_the_same(before, after)) continue;
    if (!split_is_edited(*before, running, desired)) continue;
    found.push_back(absl::StrCat(
        "Route/", before->spec().route(), ": its split is divided by Rollout/", status.rollout(),
        ", which is ", phase_text(status.phase()), ": `sluice rollout abort ", status.rollout(),
        "` or wait until it has succeeded, then edit the split"));
  }
  return found;
}

std::vector<v1::RolloutStatus> statuses_under(std::span<const v1::RolloutStatus> statuses,
                                              const v1::Policy& running,
                                              const v1::Policy& desired) {
  std::vector<v1::RolloutStatus> result;
  for (const v1::RolloutStatus& status : statuses) {
    const v1::Rollout* before = find_rollout(running, status.rollout());
    const v1::Rollout* after = find_rollout(desired, status.rollout());
    if (!says_the_same(before, after)) continue;
    v1::RolloutStatus& kept = result.emplace_back(status);
    take_pause(*before, *after, kept);
    if (kept.phase() == v1::ROLLOUT_PHASE_SUCCEEDED && kept.weight() != 0 &&
        split_is_edited(*before, running, desired)) {
      kept.set_weight(0);
      kept.set_reason("it succeeded; the split of its route has been edited since");
    }
  }
  return result;
}

std::vector<v1::RolloutStatus> statuses_back_under(std::span<const v1::RolloutStatus> statuses,
                                                   const v1::Policy& running,
                                                   const v1::Policy& desired,
                                                   std::span<const v1::ListRolloutsResponse> past) {
  std::vector<v1::RolloutStatus> result = statuses_under(statuses, running, desired);
  for (v1::RolloutStatus& kept : result)
    take_back(past, statuses, kept);
  for (const v1::Rollout& rollout : desired.rollouts()) {
    const std::string& name = rollout.metadata().name();
    if (says_the_same(find_rollout(running, name), &rollout)) continue;
    v1::RolloutStatus& back = result.emplace_back();
    const v1::RolloutStatus* was = held_share(past, statuses, name);
    if (was != nullptr) {
      back = *was;
      continue;
    }
    back.set_rollout(name);
    back.set_phase(v1::ROLLOUT_PHASE_ABORTED);
    back.set_reason("it came back with an older policy: sluice rollout start, if it is wanted");
  }
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.rollout() < b.rollout(); });
  return result;
}

}  // namespace sluice::controlplane
