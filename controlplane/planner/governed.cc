// SPDX-License-Identifier: Apache-2.0
//
// What of a change only an officer may write.
#include "controlplane/planner/governed.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>

#include "controlplane/planner/eligibility.h"
#include "controlplane/planner/handovers.h"
#include "controlplane/planner/objects_by_name.h"
#include "dataplane/net/ip_address.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

using Keys = std::map<std::string, std::string>;  // of labels, with the guardrail that names them
using LabelMap = google::protobuf::Map<std::string, std::string>;

void add_keys(const v1::LabelSelector& selector, const std::string& guardrail, Keys& keys) {
  for (const auto& [key, value] : selector.match_labels())
    keys.try_emplace(key, guardrail);
  for (const v1::LabelRequirement& requirement : selector.match_expressions())
    keys.try_emplace(requirement.key(), guardrail);
}

const v1::Backend* find_backend(const v1::Pool* pool, const std::string& name) {
  if (pool == nullptr) return nullptr;
  for (const v1::Backend& backend : pool->spec().backends()) {
    if (backend.name() == name) return &backend;
  }
  return nullptr;
}

bool same_prefixes(const v1::ClientClass& a, const v1::ClientClass& b) {
  const auto sorted = [](const v1::ClientClass& declared) {
    const v1::ClientClassSpec& spec = declared.spec();
    std::multiset<std::string> text(spec.prefixes().begin(), spec.prefixes().end());
    text.insert(spec.countries().begin(), spec.countries().end());
    return text;
  };
  return sorted(a) == sorted(b);
}

class EditFinder {
 public:
  EditFinder(const v1::Policy& before, const v1::Policy& after)
      : guardrails_{ObjectsByName(before.guardrails()), ObjectsByName(after.guardrails())},
        classes_{ObjectsByName(before.client_classes()), ObjectsByName(after.client_classes())},
        services_{ObjectsByName(before.services()), ObjectsByName(after.services())},
        pools_{ObjectsByName(before.pools()), ObjectsByName(after.pools())} {
    keys_ = governed_keys(before);
    keys_.merge(governed_keys(after));
    if (!keys_.empty()) note_addresses(before);
  }

  std::vector<GovernedEdit> run(const ObjectNames& touched) {
    for (const auto& [kind, names] : touched) {
      for (const std::string& name : names) {
        if (kind == "Guardrail") check_guardrail(name);
        if (kind == "ClientClass") check_class(name);
        if (kind == "Service") check_service(name);
        if (kind == "Pool") check_pool(name);
      }
    }
    for (const Handover& handover : handovers(services_, touched))
      check_handover(handover);
    const auto key = [](const GovernedEdit& edit) { return std::tie(edit.path, edit.reason); };
    std::sort(edits_.begin(), edits_.end(),
              [&](const GovernedEdit& a, const GovernedEdit& b) { return key(a) < key(b); });
    edits_.erase(
        std::unique(edits_.begin(), edits_.end(),
                    [&](const GovernedEdit& a, const GovernedEdit& b) { return key(a) == key(b); }),
        edits_.end());
    return std::move(edits_);
  }

 private:
  void check_guardrail(const std::string& name) {
    const v1::Guardrail* old = guardrails_.before.find(name);
    const v1::Guardrail* current = guardrails_.after.find(name);
    const bool same = old != nullptr && current != nullptr
                          ? old->SerializeAsString() == current->SerializeAsString()
                          : old == current;
    if (!same) edits_.push_back({"Guardrail/" + name, "guardrails are an officer's"});
  }

  void check_class(const std::string& name) {
    const v1::ClientClass* old = classes_.before.find(name);
    const v1::ClientClass* current = classes_.after.find(name);
    const std::string path = "ClientClass/" + name;
    static const LabelMap kNone;
    const LabelMap& was = old == nullptr ? kNone : old->metadata().labels();
    // Clients of a deleted class lose its labels.
    check_labels(path + ".metadata.labels", was,
                 current == nullptr ? kNone : current->metadata().labels());
    if (old == nullptr || current == nullptr || same_prefixes(*old, *current)) return;
    for (const auto& [key, value] : std::map<std::string, std::string>(was.begin(), was.end())) {
      const auto governed = keys_.find(key);
      if (governed == keys_.end()) continue;
      return edits_.push_back(
          {path + ".spec.prefixes",
           fmt::format("guardrail {} goes by label {} of these clients", governed->second, key)});
    }
  }

  void check_service(const std::string& name) {
    const v1::Service* old = services_.before.find(name);
    const v1::Service* current = services_.after.find(name);
    if (current == nullptr) return;
    check_labels("Service/" + name + ".metadata.labels",
                 old == nullptr ? LabelMap() : old->metadata().labels(),
                 current->metadata().labels());
  }

  void check_pool(const std::string& name) {
    const v1::Pool* old = pools_.before.find(name);
    const v1::Pool* current = pools_.after.find(name);
    if (current == nullptr) return;
    const std::string path = "Pool/" + name;
    check_labels(path + ".metadata.labels", old == nullptr ? LabelMap() : old->metadata().labels(),
                 current->metadata().labels());
    for (const v1::Backend& backend : current->spec().backends())
      check_backend(path, find_backend(old, backend.name()), backend);
    if (old == nullptr) return;
    for (const v1::Backend& backend : old->spec().backends()) {
      if (find_backend(current, backend.name()) != nullptr || has_address(*current, backend))
        continue;
      // A server that is left out could come back under another name.
      check_labels(labels_path(path, backend), backend.labels(), LabelMap());
    }
  }

  // Labels are the server's, whatever its name is now and whichever pool it is in.
  void check_backend(const std::string& pool, const v1::Backend* same, const v1::Backend& backend) {
    const std::string path = labels_path(pool, backend);
    const bool has_moved = same == nullptr || same->address() != backend.address();
    check_labels(path, same == nullptr ? LabelMap() : same->labels(), backend.labels());
    const auto known = addresses_.find(address_of(backend));
    if (!has_moved || known == addresses_.end()) return;
    for (const v1::Backend* other : known->second)
      check_labels(path, other->labels(), backend.labels());
  }

  void check_handover(const Handover& handover) {
    static const LabelMap kNone;
    const LabelMap& was = handover.from->metadata().labels();
    const LabelMap& is = handover.to == nullptr ? kNone : handover.to->metadata().labels();
    const std::string path = "Service/" + handover.from->metadata().name() + ".spec.addresses";
    for (const auto& [key, guardrail] : keys_) {
      if (same_label(was, is, key)) continue;
      edits_.push_back(
          {path, fmt::format("guardrail {} goes by label {} of the service that has {}", guardrail,
                             key, handover.what)});
    }
  }

  static std::string labels_path(const std::string& pool, const v1::Backend& backend) {
    return fmt::format("{}.spec.backends[{}].labels", pool, backend.name());
  }

  // As it is compared: "fd00::1" and "fd00:0::1" are one.
  static std::string address_of(const v1::Backend& backend) {
    const auto address = dataplane::IpAddress::parse(backend.address());
    return address ? address->to_string() : backend.address();
  }

  static bool has_address(const v1::Pool& pool, const v1::Backend& sought) {
    return std::any_of(
        pool.spec().backends().begin(), pool.spec().backends().end(),
        [&](const v1::Backend& backend) { return address_of(backend) == address_of(sought); });
  }

  void note_addresses(const v1::Policy& before) {
    for (const v1::Pool& pool : before.pools()) {
      for (const v1::Backend& backend : pool.spec().backends()) {
        if (!backend.labels().empty()) addresses_[address_of(backend)].push_back(&backend);
      }
    }
  }

  static bool same_label(const LabelMap& before, const LabelMap& after, const std::string& key) {
    const auto was = before.find(key);
    const auto is = after.find(key);
    return was == before.end() || is == after.end() ? (was == before.end()) == (is == after.end())
                                                    : was->second == is->second;
  }

  void check_labels(const std::string& path, const LabelMap& before, const LabelMap& after) {
    for (const auto& [key, guardrail] : keys_) {
      if (same_label(before, after, key)) continue;
      edits_.push_back({fmt::format("{}[{}]", path, key),
                        fmt::format("guardrail {} goes by this label", guardrail)});
    }
  }

  const TwoVersions<v1::Guardrail> guardrails_;
  const TwoVersions<v1::ClientClass> classes_;
  const TwoVersions<v1::Service> services_;
  const TwoVersions<v1::Pool> pools_;
  Keys keys_;
  // Backends of the policy before that have labels of their own, by address.
  std::unordered_map<std::string, std::vector<const v1::Backend*>> addresses_;
  std::vector<GovernedEdit> edits_;
};

}  // namespace

std::map<std::string, std::string> governed_keys(const v1::Policy& policy) {
  Keys keys;
  for (const v1::Guardrail& guardrail : policy.guardrails()) {
    if (mode_of(guardrail) != GuardrailMode::kEnforce) continue;
    const v1::GuardrailSpec& spec = guardrail.spec();
    const std::string& name = guardrail.metadata().name();
    add_keys(spec.services(), name, keys);
    add_keys(spec.clients(), name, keys);
    add_keys(spec.require(), name, keys);
    for (const v1::ShareCap& cap : spec.caps())
      add_keys(cap.pools(), name, keys);
  }
  return keys;
}

std::vector<GovernedEdit> governed_edits(const v1::Policy& before, const v1::Policy& after,
                                         const ObjectNames& touched) {
  return EditFinder(before, after).run(touched);
}

}  // namespace sluice::controlplane
