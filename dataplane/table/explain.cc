// SPDX-License-Identifier: Apache-2.0
//
// Every step of a steering decision, named and put in sentences.
#include "dataplane/table/explain.h"

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "dataplane/net/source_address.h"
#include "dataplane/table/steer.h"

namespace sluice::dataplane {
namespace {

struct Tuple {
  IpAddress client;
  IpAddress service;
  uint16_t client_port = 0;
  uint16_t service_port = 0;
  uint8_t protocol = 0;
  uint8_t dscp = 0;
};

absl::StatusOr<Tuple> parse(const v1::ExplainRequest& request) {
  std::vector<std::string> violations;
  const auto client = IpAddress::parse(request.client_address());
  const auto service = IpAddress::parse(request.service_address());
  if (!client) violations.push_back("client_address: is no IPv4 or IPv6 address");
  if (!service) violations.push_back("service_address: is no IPv4 or IPv6 address");
  if (client && service && client->family() != service->family()) {
    violations.push_back("service_address: is not of the client's address family");
  }
  if (request.client_port() > 65535) violations.push_back("client_port: is above 65535");
  if (request.service_port() > 65535) violations.push_back("service_port: is above 65535");
  if (request.protocol() != kProtocolTcp && request.protocol() != kProtocolUdp) {
    violations.push_back("protocol: must be 6 (TCP) or 17 (UDP)");
  }
  if (request.dscp() > 63) violations.push_back("dscp: is above 63");
  if (!violations.empty()) return absl::InvalidArgumentError(absl::StrJoin(violations, "\n"));
  return Tuple{*client,
               *service,
               static_cast<uint16_t>(request.client_port()),
               static_cast<uint16_t>(request.service_port()),
               static_cast<uint8_t>(request.protocol()),
               static_cast<uint8_t>(request.dscp())};
}

template <class... Parts>
void say(v1::ExplainResponse& response, const Parts&... parts) {
  response.add_reasons(absl::StrCat(parts...));
}

void set_labels(const Labels& labels, google::protobuf::Map<std::string, std::string>& map) {
  for (const auto& [key, value] : labels)
    map[key] = value;
}

v1::Reject reject_of(RejectKind kind) {
  switch (kind) {
    case RejectKind::kReset:
      return v1::REJECT_RESET;
    case RejectKind::kProhibit:
      return v1::REJECT_PROHIBIT;
    case RejectKind::kDrop:
      return v1::REJECT_DROP;
  }
  return v1::REJECT_UNSPECIFIED;
}

absl::string_view state_text(BackendState state) {
  switch (state) {
    case BackendState::kUp:
      return "up";
    case BackendState::kDraining:
      return "draining";
    case BackendState::kDown:
      return "down";
    case BackendState::kRecalled:
      return "recalled";
  }
  return "unknown";
}

// Tells one decision; every step reads what `steer` left behind.
class Account {
 public:
  Account(const Snapshot& snapshot, const Tuple& tuple, ServiceIndex service,
          const Decision& decision, v1::ExplainResponse& response)
      : snapshot_(snapshot),
        table_(*snapshot.table),
        tuple_(tuple),
        decision_(decision),
        service_(table_.services[service.value]),
        row_(table_.row(service, decision.client_class)),
        response_(response) {}

  void tell() {
    response_.set_service(service_.name);
    tell_class();
    for (const PoolIndex pool : row_.eligible) {
      response_.add_eligible_pools(table_.pools[pool.value].name);
    }
    tell_conditions();
    if (decision_.route.is_none()) {
      say(response_, "no route of service ", service_.name, " matches class ",
          response_.client_class());
      tell_rejection(v1::STEER_VERDICT_NO_ROUTE);
      return;
    }
    tell_route();
    if (decision_.verdict == SteerVerdict::kNoPool) {
      say(response_, "no fallback serves, and no other pool of the split with weight does");
      tell_rejection(v1::STEER_VERDICT_NO_POOL);
      return;
    }
    if (decision_.must_record && !snapshot_.can_record) {
      say(response_, "new flows of class ", response_.client_class(), " at service ", service_.name,
          " must be recorded (audit: fail_closed), and the node cannot keep their records");
      tell_rejection(v1::STEER_VERDICT_AUDIT_REFUSED);
      return;
    }
    tell_pool();
    tell_backend();
    response_.set_verdict(v1::STEER_VERDICT_FORWARD);
  }

 private:
  void tell_class() {
    const ClientClass& client_class = table_.classes[decision_.client_class.value];
    response_.set_client_class(client_class.name);
    set_labels(client_class.labels, *response_.mutable_client_labels());
    const std::optional<IpPrefix> prefix = tuple_.client.is_ipv4()
                                               ? table_.classes_v4->matched(tuple_.client)
                                               : table_.classes_v6->matched(tuple_.client);
    if (prefix) response_.set_matched_prefix(prefix->to_string());
    say(response_, "client ", tuple_.client.to_string(), " is of class ", client_class.name,
        prefix ? absl::StrCat(" by ", prefix->to_string()) : ": no prefix holds it");
  }

  void tell_conditions() {
    for (const RouteIndex index : row_.conditional) {
      if (index == decision_.route) return;
      const Route& route = table_.routes[index.value];
      const bool is_in_time = snapshot_.in_time[index.value] != 0;
      say(response_, "route ", route.name, " is passed over: ",
          is_in_time ? absl::StrCat("it does not take DSCP ", tuple_.dscp) : "it is not its time");
    }
  }

  void tell_route() {
    const Route& route = table_.routes[decision_.route.value];
    const Pool& split_pool = table_.pools[decision_.split_pool.value];
    response_.set_route(route.name);
    response_.set_split_bucket(decision_.bucket);
    response_.set_split_pool(split_pool.name);
    say(response_, "route ", route.name, " of service ", service_.name, " holds for class ",
        response_.client_class());
    say(response_, "bucket ", decision_.bucket, " of its split, by the ",
        service_.affinity == AffinityKind::kClient ? "client" : "flow", ", belongs to pool ",
        split_pool.name);
    if (decision_.rollout != Rollout::kNone) tell_rollout(route, split_pool);
    const bool is_taken =
        decision_.cause == PoolCause::kSplit || decision_.cause == PoolCause::kRollout;
    if (decision_.leaves_degraded) {
      say(response_, "pool ", split_pool.name,
          " serves, but worse than in its own recent past: new flows of route ", route.name,
          " leave it (on_degraded)");
    } else if (!is_taken || decision_.verdict != SteerVerdict::kForward) {
      say(response_, "pool ", split_pool.name, " does not serve: ", why_not(split_pool));
    }
  }

  void tell_rollout(const Route& route, const Pool& stable) {
    const Rollout& rollout = route.rollouts[decision_.rollout];
    const Pool& candidate = table_.pools[route.uses[rollout.candidate].pool.value];
    response_.set_rollout(rollout.name);
    const bool is_candidates = decision_.place < rollout.weight;
    say(response_, "rollout ", rollout.name, " gives ", rollout.weight,
        " of 1000000 clients of pool ", stable.name, " to pool ", candidate.name, "; place ",
        decision_.place, is_candidates ? " is one of them" : " is none of them");
    if (is_candidates && decision_.cause != PoolCause::kRollout) {
      say(response_, "pool ", candidate.name, " does not serve: ", why_not(candidate),
          "; the client stays with pool ", stable.name);
    }
  }

  std::string why_not(const Pool& pool) const {
    uint32_t up = 0;
    uint32_t draining = 0;
    uint32_t expired = 0;
    for (const PoolMember& member : pool.members) {
      const BackendLine* line = snapshot_.find(member.id);
      if (line == nullptr) continue;
      expired += line->expired ? 1 : 0;
      if (line->expired) continue;
      up += line->state == BackendState::kUp ? 1 : 0;
      draining += line->state == BackendState::kDraining ? 1 : 0;
    }
    if (expired > 0 && expired == pool.members.size()) return "it is past eligible_until";
    return absl::StrCat(up, " of ", pool.members.size(), " backends are up",
                        draining > 0 ? absl::StrCat(" (draining: ", draining, ")") : "",
                        expired > 0 ? absl::StrCat(" (past eligible_until: ", expired, ")") : "",
                        ", min_up is ", pool.min_up);
  }

  void tell_pool() {
    const Pool& pool = table_.pools[decision_.pool.value];
    response_.set_pool(pool.name);
    switch (decision_.cause) {
      case PoolCause::kSplit:
        response_.set_pool_cause(v1::POOL_CAUSE_SPLIT);
        break;
      case PoolCause::kFallback:
        response_.set_pool_cause(v1::POOL_CAUSE_FALLBACK);
        say(response_, "pool ", pool.name, " is the first fallback that serves");
        break;
      case PoolCause::kRollout:
        response_.set_pool_cause(v1::POOL_CAUSE_ROLLOUT);
        break;
      case PoolCause::kResplit:
        response_.set_pool_cause(v1::POOL_CAUSE_RESPLIT);
        say(response_, "no fallback serves; of the split's pools that do, the bucket belongs to ",
            pool.name);
        break;
    }
  }

  void tell_backend() {
    const Pool& pool = table_.pools[decision_.pool.value];
    const PoolMember& owner = pool.members[decision_.slot_owner];
    const PoolMember& member = pool.members[decision_.member];
    set_labels(member.labels, *response_.mutable_pool_labels());
    response_.set_slot(decision_.slot);
    response_.set_slot_owner(owner.name);
    response_.set_backend(member.name);
    response_.set_backend_address(member.address.to_string());
    say(response_, "slot ", decision_.slot, " of pool ", pool.name, " belongs to backend ",
        owner.name);
    if (decision_.slot_owner != decision_.member) {
      const BackendLine* line = snapshot_.find(owner.id);
      say(response_, "backend ", owner.name, " takes no such flow: it is ",
          line == nullptr ? "unknown"
          : line->expired ? "past eligible_until"
                          : state_text(line->state),
          "; the next in the slot's order is ", member.name);
    }
    const BackendLine* line = snapshot_.find(member.id);
    if (line != nullptr && !line->neighbor_resolved) {
      say(response_, "the next hop of backend ", member.name,
          " is not resolved: packets are dropped until it is");
    }
  }

  void tell_rejection(v1::SteerVerdict verdict) {
    response_.set_verdict(verdict);
    response_.set_reject(reject_of(service_.reject));
  }

  const Snapshot& snapshot_;
  const Table& table_;
  const Tuple& tuple_;
  const Decision& decision_;
  const Service& service_;
  const SteeringRow& row_;
  v1::ExplainResponse& response_;
};

template <Family F>
absl::Status explain_flow(const Snapshot& snapshot, const Tuple& tuple, Opening opening,
                          v1::ExplainResponse& response) {
  const auto key = FlowKey<F>::make(tuple.client.bytes().data(), tuple.service.bytes().data(),
                                    Be16::from_host(tuple.client_port),
                                    Be16::from_host(tuple.service_port), tuple.protocol);
  const ServiceLookup& lookup = snapshot.table->service_lookup;
  const ServiceIndex service = lookup.find(key);
  if (service.is_none()) {
    response.set_verdict(v1::STEER_VERDICT_NO_SERVICE);
    say(response,
        lookup.has_address<F>(key.destination())
            ? "the address belongs to a service, but not with this protocol and port"
            : "the address belongs to no service",
        ": the packet is left to the kernel");
    return absl::OkStatus();
  }
  if (!can_be_source(key) || is_from_itself(key)) {
    return absl::InvalidArgumentError(
        absl::StrCat(tuple.client.to_string(),
                     ": no client has this address; nodes drop its packets (bad_address)"));
  }
  const Decision decision = steer<F>(snapshot, service, key, {opening, tuple.dscp});
  Account(snapshot, tuple, service, decision, response).tell();
  return absl::OkStatus();
}

}  // namespace

absl::Status explain(const Snapshot& snapshot, const v1::ExplainRequest& request,
                     v1::ExplainResponse& response) {
  response.Clear();
  const absl::StatusOr<Tuple> tuple = parse(request);
  if (!tuple.ok()) return tuple.status();
  response.set_revision(snapshot.table->revision);
  response.set_generation(snapshot.table->generation);
  response.set_view(snapshot.view);
  const bool is_adopted = request.established() && tuple->protocol == kProtocolTcp;
  const Opening opening = is_adopted ? Opening::kAdopted : Opening::kFresh;
  return tuple->client.is_ipv4() ? explain_flow<Family::kIpv4>(snapshot, *tuple, opening, response)
                                 : explain_flow<Family::kIpv6>(snapshot, *tuple, opening, response);
}

}  // namespace sluice::dataplane
