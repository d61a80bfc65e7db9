// SPDX-License-Identifier: Apache-2.0
//
// What the parts of `validate_policy` share.
#include "controlplane/policy/checker.h"

#include <algorithm>
#include <cctype>

#include "controlplane/policy/kinds.h"
#include "dataplane/yaml/nearest_name.h"
#include "dataplane/yaml/read_message.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

using dataplane::IpAddress;
using dataplane::IpPrefix;

constexpr size_t kLabelKeyMax = 63;
constexpr size_t kLabelValueMax = 63;

bool is_label_key(const std::string& key) {
  const auto is_alphanumeric = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
  };
  if (key.empty() || key.size() > kLabelKeyMax) return false;
  if (!is_alphanumeric(key.front()) || !is_alphanumeric(key.back())) return false;
  return std::all_of(key.begin(), key.end(), [&](char c) {
    return is_alphanumeric(c) || c == '-' || c == '_' || c == '.' || c == '/';
  });
}

bool is_label_value(const std::string& value) {
  return value.size() <= kLabelValueMax && std::none_of(value.begin(), value.end(), [](char c) {
           return std::iscntrl(static_cast<unsigned char>(c)) != 0;
         });
}

// Why no packet can be sent to the address; empty when it can.
std::string_view unusable_because(const IpAddress& address) {
  struct Reserved {
    IpPrefix prefix;
    std::string_view what;
  };
  static const Reserved kReserved[] = {
      {*IpPrefix::parse("0.0.0.0/8"), "is unspecified"},
      {*IpPrefix::parse("127.0.0.0/8"), "is loopback"},
      {*IpPrefix::parse("224.0.0.0/4"), "is multicast"},
      {*IpPrefix::parse("255.255.255.255/32"), "is the broadcast address"},
      {*IpPrefix::parse("::/128"), "is unspecified"},
      {*IpPrefix::parse("::1/128"), "is loopback"},
      {*IpPrefix::parse("ff00::/8"), "is multicast"},
      {*IpPrefix::parse("fe80::/10"), "is link-local"},
      {*IpPrefix::parse("::ffff:0:0/96"),
       "is an IPv4 address in IPv6 form; write the IPv4 address itself"},
  };
  for (const Reserved& reserved : kReserved) {
    if (reserved.prefix.contains(address)) return reserved.what;
  }
  return {};
}

}  // namespace

Checker::Checker(const v1::Policy& policy, const ClientSets& clients, const SourceMap& source,
                 Violations& violations)
    : policy_(policy), clients_(clients), source_(source), violations_(violations) {
  for (const Violation& violation : violations)
    said_.insert(violation.path);
  for (const std::string& kind : kinds()) {
    const google::protobuf::FieldDescriptor* list = field_of_kind(kind);
    std::vector<std::string>& names = names_[kind];
    for (int i = 0; i < policy.GetReflection()->FieldSize(policy, list); ++i) {
      names.push_back(name_of(policy.GetReflection()->GetRepeatedMessage(policy, list, i)));
    }
    std::sort(names.begin(), names.end());
  }
  for (const v1::Route& route : policy.routes())
    routes_.emplace(route.metadata().name(), &route);
}

void Checker::add(const std::string& path, std::string message) {
  if (said_.contains(path)) return;
  const SourceMap::Location at = source_.find(path);
  violations_.push_back({at.file, at.line, path, std::move(message)});
}

std::string Checker::place(const std::string& path) const {
  const SourceMap::Location at = source_.find(path);
  return at.line == 0 ? "" : fmt::format(" ({}:{})", at.file, at.line);
}

std::string Checker::path_of(std::string_view kind, const google::protobuf::Message& object,
                             int index) const {
  return object_path(kind, name_of(object), index);
}

void Checker::check_range(const std::string& path, uint64_t value, Range range) {
  if (value >= range.min && value <= range.max) return;
  add(path, fmt::format("must be in {}..{}, not {}", range.min, range.max, value));
}

void Checker::check_duration(const std::string& path, const google::protobuf::Duration& duration,
                             DurationRange range) {
  const int64_t nanoseconds = duration.seconds() * 1'000'000'000 + duration.nanos();
  if (nanoseconds >= range.min && nanoseconds <= range.max) return;
  add(path, fmt::format("must be in {}..{}, not {}", format_duration(range.min),
                        format_duration(range.max), format_duration(nanoseconds)));
}

void Checker::check_label(const std::string& path, const std::string& key,
                          const std::string& value) {
  if (!is_label_key(key)) {
    add(path, fmt::format("{} is no label key; 1 to {} letters, digits and - _ . / between them",
                          quote(key), kLabelKeyMax));
  } else if (!is_label_value(value)) {
    add(path, fmt::format("{} is no label value; at most {} bytes of printable text", quote(value),
                          kLabelValueMax));
  }
}

void Checker::check_labels(const std::string& path,
                           const google::protobuf::Map<std::string, std::string>& labels) {
  if (labels.empty()) return;
  const std::map<std::string, std::string> sorted(labels.begin(), labels.end());
  for (const auto& [key, value] : sorted)
    check_label(fmt::format("{}[{}]", path, key), key, value);
}

void Checker::check_selector(const std::string& path, const v1::LabelSelector& selector) {
  check_labels(path + ".match_labels", selector.match_labels());
  for (int i = 0; i < selector.match_expressions_size(); ++i) {
    check_requirement(fmt::format("{}.match_expressions[{}]", path, i),
                      selector.match_expressions(i));
  }
}

void Checker::check_requirement(const std::string& path, const v1::LabelRequirement& requirement) {
  if (requirement.key().empty()) {
    add(path + ".key", "is required");
  } else {
    check_label(path + ".key", requirement.key(), "");
  }
  const auto operation = requirement.operator_();
  if (operation == v1::LabelRequirement::OPERATOR_UNSPECIFIED) {
    return add(path + ".operator", "is required: In, NotIn, Exists or DoesNotExist");
  }
  const bool lists = operation == v1::LabelRequirement::OPERATOR_IN ||
                     operation == v1::LabelRequirement::OPERATOR_NOT_IN;
  if (lists && requirement.values().empty())
    add(path + ".values", "In and NotIn need at least one value");
  if (!lists && !requirement.values().empty())
    add(path + ".values", "Exists and DoesNotExist take no values");
  for (int i = 0; i < requirement.values_size(); ++i) {
    check_label(fmt::format("{}.values[{}]", path, i), "key", requirement.values(i));
  }
}

void Checker::refuse_unbuilt(const std::string& path, std::string_view what) {
  add(path, fmt::format("{} not built yet", what));
}

std::optional<IpAddress> Checker::check_address(const std::string& path, const std::string& text) {
  const std::optional<IpAddress> address = IpAddress::parse(text);
  if (text.empty()) {
    add(path, "is required: an IPv4 or IPv6 address");
  } else if (!address) {
    add(path, fmt::format("{} is no IPv4 or IPv6 address", quote(text)));
  } else if (const std::string_view reason = unusable_because(*address); !reason.empty()) {
    add(path, fmt::format("{} {}", text, reason));
    return std::nullopt;
  }
  return address;
}

const std::vector<std::string>& Checker::names_of(std::string_view kind) const {
  return names_.find(kind)->second;
}

bool Checker::check_reference(const std::string& path, std::string_view kind,
                              const std::string& name) {
  const std::vector<std::string>& names = names_of(kind);
  if (name.empty()) {
    add(path, fmt::format("is required: the name of a {}", kind));
    return false;
  }
  if (std::binary_search(names.begin(), names.end(), name)) return true;
  add(path, fmt::format("no {} is named {}{}", kind, quote(name), suggestion(name, names)));
  return false;
}

const v1::Route* Checker::find_route(const std::string& name) const {
  const auto found = routes_.find(name);
  return found == routes_.end() ? nullptr : found->second;
}

std::vector<std::string> backend_paths(const std::string& pool_path, const v1::Pool& pool) {
  std::vector<std::string> paths;
  std::set<std::string> seen;
  for (const v1::Backend& backend : pool.spec().backends()) {
    paths.push_back(fmt::format("{}.spec.backends[{}]", pool_path,
                                element_key(backend.name(), paths.size(), seen)));
  }
  return paths;
}

}  // namespace sluice::controlplane
