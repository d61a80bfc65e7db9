// SPDX-License-Identifier: Apache-2.0
//
// Labels and the selectors over them, as in Kubernetes.
#include "controlplane/policy/selector.h"

#include <algorithm>

#include "dataplane/yaml/nearest_name.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace sluice::controlplane {
namespace {

using Requirement = v1::LabelRequirement;

std::string actual(const std::string& key, const std::string* value) {
  return value == nullptr ? fmt::format("label {} is absent", key)
                          : fmt::format("label {} is {}", key, quote(*value));
}

const std::string* find(const Labels& labels, const std::string& key) {
  const auto found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

std::optional<std::string> mismatch(const Requirement& requirement, const Labels& labels) {
  const std::string* value = find(labels, requirement.key());
  const auto& values = requirement.values();
  const bool listed =
      value != nullptr && std::find(values.begin(), values.end(), *value) != values.end();
  const std::string is = actual(requirement.key(), value);
  switch (requirement.operator_()) {
    case Requirement::OPERATOR_IN:
      if (listed) return std::nullopt;
      return fmt::format("{}, must be in [{}]", is, fmt::join(values, ", "));
    case Requirement::OPERATOR_NOT_IN:
      if (!listed) return std::nullopt;
      return fmt::format("{}, must not be in [{}]", is, fmt::join(values, ", "));
    case Requirement::OPERATOR_EXISTS:
      if (value != nullptr) return std::nullopt;
      return fmt::format("{}, must be present", is);
    case Requirement::OPERATOR_DOES_NOT_EXIST:
      if (value == nullptr) return std::nullopt;
      return fmt::format("{}, must be absent", is);
    default:
      return "the requirement has no operator";
  }
}

}  // namespace

Labels to_labels(const google::protobuf::Map<std::string, std::string>& labels) {
  return {labels.begin(), labels.end()};
}

Labels overlaid(const Labels& base, const google::protobuf::Map<std::string, std::string>& over) {
  Labels labels = base;
  for (const auto& [key, value] : over)
    labels[key] = value;
  return labels;
}

std::optional<std::string> mismatch(const v1::LabelSelector& selector, const Labels& labels) {
  for (const auto& [key, wanted] : to_labels(selector.match_labels())) {
    const std::string* value = find(labels, key);
    if (value == nullptr || *value != wanted) {
      return fmt::format("{}, must be {}", actual(key, value), quote(wanted));
    }
  }
  for (const Requirement& requirement : selector.match_expressions()) {
    if (auto reason = mismatch(requirement, labels)) return reason;
  }
  return std::nullopt;
}

bool matches(const v1::LabelSelector& selector, const Labels& labels) {
  return !mismatch(selector, labels).has_value();
}

bool matches_all(const v1::LabelSelector& selector) {
  return selector.match_labels().empty() && selector.match_expressions().empty();
}

}  // namespace sluice::controlplane
