// SPDX-License-Identifier: Apache-2.0
//
// Whether a policy lets a client reach a server.
#include "tests/sim/residency_oracle.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <vector>

namespace sluice::testing {
namespace {

using Labels = std::map<std::string, std::string>;
using ProtoLabels = google::protobuf::Map<std::string, std::string>;

struct Address {
  int family = 0;
  std::array<unsigned char, 16> bytes{};
  friend bool operator==(const Address&, const Address&) = default;
};

Address address_of(const std::string& text) {
  Address address;
  address.family = text.find(':') == std::string::npos ? AF_INET : AF_INET6;
  inet_pton(address.family, text.c_str(), address.bytes.data());
  return address;
}

// Length of the prefix when it contains the address.
std::optional<int> match(const std::string& prefix, const Address& address) {
  const size_t slash = prefix.find('/');
  const Address network = address_of(prefix.substr(0, slash));
  const int length = std::stoi(prefix.substr(slash + 1));
  if (network.family != address.family) return std::nullopt;
  for (int bit = 0; bit < length; ++bit) {
    const auto byte = static_cast<size_t>(bit / 8);
    if (((network.bytes[byte] ^ address.bytes[byte]) >> (7 - bit % 8) & 1) != 0)
      return std::nullopt;
  }
  return length;
}

void overlay(Labels& labels, const ProtoLabels& over) {
  for (const auto& [key, value] : over)
    labels[key] = value;
}

Labels labels_of_client(const v1::Policy& policy, const Address& client) {
  std::multimap<int, const v1::ClientClass*> holders;  // by the length of the prefix
  const v1::ClientClass* unknown = nullptr;
  for (const v1::ClientClass& each : policy.client_classes()) {
    if (each.metadata().name() == "unknown") unknown = &each;
    for (const std::string& prefix : each.spec().prefixes()) {
      if (const auto length = match(prefix, client)) holders.emplace(*length, &each);
    }
  }
  Labels labels;
  for (const auto& [length, holder] : holders)
    overlay(labels, holder->metadata().labels());
  if (holders.empty() && unknown != nullptr) overlay(labels, unknown->metadata().labels());
  return labels;
}

bool holds(const v1::LabelRequirement& requirement, const Labels& labels) {
  const auto found = labels.find(requirement.key());
  const bool is_there = found != labels.end();
  const auto& values = requirement.values();
  const bool is_listed =
      is_there && std::find(values.begin(), values.end(), found->second) != values.end();
  switch (requirement.operator_()) {
    case v1::LabelRequirement::OPERATOR_IN:
      return is_listed;
    case v1::LabelRequirement::OPERATOR_NOT_IN:
      return !is_listed;
    case v1::LabelRequirement::OPERATOR_EXISTS:
      return is_there;
    case v1::LabelRequirement::OPERATOR_DOES_NOT_EXIST:
      return !is_there;
    default:
      return false;
  }
}

bool selects(const v1::LabelSelector& selector, const Labels& labels) {
  for (const auto& [key, value] : selector.match_labels()) {
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) return false;
  }
  return std::all_of(selector.match_expressions().begin(), selector.match_expressions().end(),
                     [&](const auto& requirement) { return holds(requirement, labels); });
}

const v1::Service* service_of(const v1::Policy& policy, const Address& address) {
  for (const v1::Service& service : policy.services()) {
    for (const std::string& text : service.spec().addresses()) {
      if (address_of(text) == address) return &service;
    }
  }
  return nullptr;
}

// Labels of every backend with this address.
std::vector<Labels> labels_of_backend(const v1::Policy& policy, const Address& address) {
  std::vector<Labels> found;
  for (const v1::Pool& pool : policy.pools()) {
    for (const v1::Backend& backend : pool.spec().backends()) {
      if (!(address_of(backend.address()) == address)) continue;
      Labels& labels = found.emplace_back();
      overlay(labels, pool.metadata().labels());
      overlay(labels, backend.labels());
    }
  }
  return found;
}

}  // namespace

std::string forbids(const v1::Policy& policy, const std::string& client,
                    const std::string& service_address, const std::string& backend_address) {
  const v1::Service* const service = service_of(policy, address_of(service_address));
  if (service == nullptr) return "there is no service at " + service_address;
  const std::vector<Labels> backends = labels_of_backend(policy, address_of(backend_address));
  if (backends.empty()) return "there is no backend at " + backend_address;
  const Labels clients = labels_of_client(policy, address_of(client));
  Labels services;
  overlay(services, service->metadata().labels());
  for (const v1::Guardrail& guardrail : policy.guardrails()) {
    const v1::GuardrailSpec& spec = guardrail.spec();
    if (spec.mode() == v1::GuardrailSpec::MODE_MONITOR) continue;
    if (!selects(spec.services(), services) || !selects(spec.clients(), clients)) continue;
    for (const Labels& labels : backends) {
      if (!selects(spec.require(), labels))
        return "guardrail " + guardrail.metadata().name() + " forbids " + backend_address +
               " for " + client;
    }
  }
  return "";
}

}  // namespace sluice::testing
