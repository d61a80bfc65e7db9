// SPDX-License-Identifier: Apache-2.0
//
// Which guardrails a change touches.
#include "controlplane/planner/touches.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "controlplane/planner/handovers.h"
#include "controlplane/planner/objects_by_name.h"
#include "controlplane/planner/reach.h"
#include "controlplane/policy/selector.h"
#include "fmt/format.h"
#include "google/protobuf/util/message_differencer.h"

namespace sluice::controlplane {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr size_t kReasonsMax = 50;  // more than a person reads

template <typename Object>
bool is_same(const Object* a, const Object* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->SerializeAsString() == b->SerializeAsString() || MessageDifferencer::Equals(*a, *b);
}

template <typename Object>
const char* verb(const Object* before, const Object* after) {
  if (before == nullptr) return "is created";
  return after == nullptr ? "is deleted" : "changes";
}

// What of a pool guardrails look at, and who may be reached by it.
std::string changed_part(const v1::Pool* before, const v1::Pool* after) {
  if (before == nullptr || after == nullptr) return verb(before, after);
  v1::Pool old, current;
  *old.mutable_metadata() = before->metadata();
  *current.mutable_metadata() = after->metadata();
  if (!MessageDifferencer::Equals(old, current)) return "changes its labels";
  *old.mutable_spec()->mutable_backends() = before->spec().backends();
  *current.mutable_spec()->mutable_backends() = after->spec().backends();
  if (!MessageDifferencer::Equals(old, current)) return "changes its backends";
  const bool same_end =
      before->spec().has_eligible_until() == after->spec().has_eligible_until() &&
      MessageDifferencer::Equals(before->spec().eligible_until(), after->spec().eligible_until());
  return same_end ? "" : "changes its end";
}

class TouchFinder {
 public:
  TouchFinder(const PolicySide& before, const PolicySide& after, const ObjectNames& touched,
              std::span<const ClassPair> classes)
      : before_(before.policy, before.clients),
        after_(after.policy, after.clients),
        guardrails_{ObjectsByName(before.policy.guardrails()),
                    ObjectsByName(after.policy.guardrails())},
        services_{ObjectsByName(before.policy.services()), ObjectsByName(after.policy.services())},
        pools_{ObjectsByName(before.policy.pools()), ObjectsByName(after.policy.pools())},
        routes_{ObjectsByName(before.policy.routes()), ObjectsByName(after.policy.routes())},
        rollouts_{ObjectsByName(before.policy.rollouts()), ObjectsByName(after.policy.rollouts())},
        touched_(touched),
        classes_(classes) {}

  std::vector<v1::GuardrailTouch> run() {
    for (const std::string& name : names("Guardrail"))
      touch_altered(name);
    touch_services();
    if (!names("ClientClass").empty()) touch_classes();
    touch_routes();
    touch_rollouts();
    touch_pools();
    touch_steered(before_, said_before_);
    touch_steered(after_, said_after_);
    return collect();
  }

 private:
  using Sentences = std::map<std::string, std::vector<std::string>>;

  const std::set<std::string>& names(const std::string& kind) const {
    static const std::set<std::string> kNone;
    const auto found = touched_.find(kind);
    return found == touched_.end() ? kNone : found->second;
  }

  void add(const std::string& guardrail, std::string reason) {
    if (said_.emplace(guardrail, reason).second) reasons_[guardrail].push_back(std::move(reason));
  }

  static bool covers(const Reach& side, const std::string& guardrail, const Audience& audience) {
    const int position = side.guardrail(guardrail);
    return position >= 0 && audience.service >= 0 && side.eligibility().covers(position, audience);
  }

  void touch_altered(const std::string& name) {
    const v1::Guardrail* old = guardrails_.before.find(name);
    const v1::Guardrail* current = guardrails_.after.find(name);
    if (!is_same(old, current)) add(name, fmt::format("Guardrail/{} {}", name, verb(old, current)));
  }

  // Every guardrail of either side, by name.
  std::set<std::string> guardrails() const {
    std::set<std::string> names;
    for (const Reach* side : {&before_, &after_}) {
      for (const v1::Guardrail& guardrail : side->policy().guardrails())
        names.insert(guardrail.metadata().name());
    }
    return names;
  }

  void touch_services();
  void touch_classes();
  void touch_class_pair(const std::string& guardrail, const ClassPair& pair);
  void touch_routes();
  void touch_rollouts();
  void touch_pools();
  void touch_steered(const Reach& side, const Sentences& sentences);
  std::vector<v1::GuardrailTouch> collect() const;
  uint32_t approvals_of(const std::string& guardrail) const;

  const Reach before_;
  const Reach after_;
  const TwoVersions<v1::Guardrail> guardrails_;
  const TwoVersions<v1::Service> services_;
  const TwoVersions<v1::Pool> pools_;
  const TwoVersions<v1::Route> routes_;
  const TwoVersions<v1::Rollout> rollouts_;
  const ObjectNames& touched_;
  std::span<const ClassPair> classes_;
  std::map<std::string, std::vector<std::string>> reasons_;  // by guardrail
  // What happens to a route, by its name, as sentences that a class ends.
  Sentences said_before_;
  Sentences said_after_;
  std::set<std::pair<std::string, std::string>> said_;  // guardrail, sentence
};

// Guardrails that come or go are altered, whatever they match.
void TouchFinder::touch_services() {
  const auto matched = [](const v1::Guardrail& guardrail, const v1::Service* service) {
    return service != nullptr &&
           matches(guardrail.spec().services(), to_labels(service->metadata().labels()));
  };
  for (const std::string& name : names("Service")) {
    const v1::Service* old = services_.before.find(name);
    const v1::Service* current = services_.after.find(name);
    if (is_same(old, current)) continue;
    for (const v1::Guardrail& guardrail : before_.policy().guardrails()) {
      const v1::Guardrail* later = guardrails_.after.find(guardrail.metadata().name());
      if (later == nullptr) continue;
      const bool was = matched(guardrail, old);
      const bool is = matched(*later, current);
      if (was == is) continue;
      add(guardrail.metadata().name(),
          fmt::format("Service/{} {}, so that the guardrail {} it", name, verb(old, current),
                      is ? "covers" : "no longer covers"));
    }
  }
  for (const Handover& handover : handovers(services_, touched_)) {
    for (const v1::Guardrail& guardrail : before_.policy().guardrails()) {
      const v1::Guardrail* later = guardrails_.after.find(guardrail.metadata().name());
      if (later == nullptr) continue;
      if (!matched(guardrail, handover.from) && !matched(*later, handover.to)) continue;
      add(guardrail.metadata().name(),
          fmt::format(
              "{} goes from Service/{} to {}", handover.what, handover.from->metadata().name(),
              handover.to == nullptr ? "nobody" : "Service/" + handover.to->metadata().name()));
    }
  }
}

void TouchFinder::touch_classes() {
  for (const std::string& guardrail : guardrails()) {
    for (const ClassPair& pair : classes_)
      touch_class_pair(guardrail, pair);
  }
}

// Clients that were of one class and are of another, or of the same with other labels.
void TouchFinder::touch_class_pair(const std::string& guardrail, const ClassPair& pair) {
  const ClientSet& old = before_.sets()[pair.before];
  const ClientSet& current = after_.sets()[pair.after];
  if (old.name == current.name && old.labels == current.labels) return;
  for (const v1::Service& service : after_.policy().services()) {
    const std::string& name = service.metadata().name();
    const bool was = covers(before_, guardrail, {before_.service(name), pair.before});
    const bool is = covers(after_, guardrail, {after_.service(name), pair.after});
    if (!was && !is) continue;
    const std::string whom =
        old.name == current.name
            ? fmt::format("clients of class {} change their labels", old.name)
            : fmt::format("clients of class {} become class {}", old.name, current.name);
    if (was != is) {
      return add(guardrail, fmt::format("{}, so that the guardrail {} them", whom,
                                        is ? "covers" : "no longer covers"));
    }
    if (before_.routes_of(name, pair.before) == after_.routes_of(name, pair.after)) continue;
    return add(guardrail,
               fmt::format("{}, so that other routes steer them to service {}", whom, name));
  }
}

void TouchFinder::touch_routes() {
  for (const std::string& name : names("Route")) {
    const v1::Route* old = routes_.before.find(name);
    const v1::Route* current = routes_.after.find(name);
    if (is_same(old, current)) continue;
    const std::string sentence = fmt::format("Route/{} {}, which {}", name, verb(old, current),
                                             current == nullptr ? "steered" : "steers");
    said_before_[name].push_back(sentence);
    said_after_[name].push_back(sentence);
  }
}

void TouchFinder::touch_rollouts() {
  for (const std::string& name : names("Rollout")) {
    const v1::Rollout* old = rollouts_.before.find(name);
    const v1::Rollout* current = rollouts_.after.find(name);
    if (is_same(old, current)) continue;
    const auto say = [&](const v1::Rollout* rollout, Sentences& said) {
      if (rollout == nullptr) return;
      const std::string& route = rollout->spec().route();
      said[route].push_back(
          fmt::format("Rollout/{} {}, whose route {} steers", name, verb(old, current), route));
    };
    say(old, said_before_);
    say(current, said_after_);
  }
}

void TouchFinder::touch_pools() {
  for (const std::string& name : names("Pool")) {
    const std::string does = changed_part(pools_.before.find(name), pools_.after.find(name));
    if (does.empty()) continue;
    const std::string sentence =
        fmt::format("Pool/{} {}, which can be reached by clients of", name, does);
    for (const std::string& route : before_.routes_to(name))
      said_before_[route].push_back(sentence);
    for (const std::string& route : after_.routes_to(name))
      said_after_[route].push_back(sentence);
  }
}

// Each guardrail gets each sentence once, with the first class that it covers.
void TouchFinder::touch_steered(const Reach& side, const Sentences& sentences) {
  if (sentences.empty()) return;
  std::set<std::string> routes;
  for (const auto& [route, said] : sentences)
    routes.insert(route);
  for (const auto& [audience, route] : side.steered_by(routes)) {
    const std::vector<std::string>& said =
        sentences.at(side.policy().routes(route).metadata().name());
    for (int i = 0; i < side.policy().guardrails_size(); ++i) {
      if (!side.eligibility().covers(i, audience)) continue;
      const std::string& guardrail = side.policy().guardrails(i).metadata().name();
      for (const std::string& sentence : said) {
        if (!said_.emplace(guardrail, sentence).second) continue;
        add(guardrail,
            fmt::format("{} class {} of service {}", sentence, side.sets()[audience.set].name,
                        side.policy().services(audience.service).metadata().name()));
      }
    }
  }
}

uint32_t TouchFinder::approvals_of(const std::string& guardrail) const {
  uint32_t most = 0;
  for (const ObjectsByName<v1::Guardrail>* side : {&guardrails_.before, &guardrails_.after}) {
    const v1::Guardrail* written = side->find(guardrail);
    if (written != nullptr && mode_of(*written) == GuardrailMode::kEnforce)
      most = std::max(most, written->spec().approvals());
  }
  return most;
}

std::vector<v1::GuardrailTouch> TouchFinder::collect() const {
  std::vector<v1::GuardrailTouch> touches;
  for (const auto& [guardrail, reasons] : reasons_) {
    v1::GuardrailTouch& touch = touches.emplace_back();
    touch.set_guardrail(guardrail);
    const size_t more = reasons.size() - std::min(reasons.size(), kReasonsMax);
    *touch.mutable_reasons() = {reasons.begin(), reasons.end() - static_cast<ptrdiff_t>(more)};
    if (more > 0) touch.add_reasons(fmt::format("and {} more", more));
    touch.set_approvals(approvals_of(guardrail));
  }
  return touches;
}

}  // namespace

std::vector<v1::GuardrailTouch> find_touches(const PolicySide& before, const PolicySide& after,
                                             const ObjectNames& touched,
                                             std::span<const ClassPair> classes) {
  const bool has_guardrails =
      before.policy.guardrails_size() > 0 || after.policy.guardrails_size() > 0;
  if (!has_guardrails || touched.empty()) return {};
  return TouchFinder(before, after, touched, classes).run();
}

}  // namespace sluice::controlplane
