// SPDX-License-Identifier: Apache-2.0
//
// The naive balancer. It shares the hash and the Maglev slots with the real one, nothing else.
#include "tests/support/model/model.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

namespace sluice::dataplane {
namespace {

constexpr uint32_t kTcp = 6;

std::string word_bytes(uint64_t word) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &word, 8);
  return bytes;
}

// SplitMix64's.
uint64_t finalized(uint64_t word) {
  word ^= word >> 30;
  word *= 13787848793156543929u;
  word ^= word >> 27;
  word *= 10723151780598845931u;
  return word ^ word >> 31;
}

std::string port_bytes(uint32_t port) {
  return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
}

bool first_bits_equal(const std::string& a, const std::string& b, int bits) {
  for (int bit = 0; bit < bits; ++bit) {
    const size_t byte = static_cast<size_t>(bit) / 8;
    if (((a[byte] ^ b[byte]) >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

}  // namespace

struct Model::Question {
  std::string client, destination;  // address bytes
  uint32_t client_port, port, protocol;
  bool adopted;
  uint32_t dscp;
  std::string affinity;  // what the hashes are of, before the salt
};

BackendState effective_state(const v1::ForwardingTable& table, const ProbedStates& probed,
                             const std::string& pool, const std::string& backend) {
  const auto known = probed.find({pool, backend});
  BackendState state = known == probed.end() ? BackendState::kUp : known->second;
  for (const v1::Override& entry : table.overrides()) {
    const bool meant =
        entry.pool() == pool && (entry.backend().empty() || entry.backend() == backend);
    if (!meant) continue;
    if (entry.state() == v1::Override::STATE_RECALLED) return BackendState::kRecalled;
    if (state == BackendState::kUp) state = BackendState::kDraining;
  }
  return state;
}

Model::Model(v1::ForwardingTable table, ProbedStates probed, int64_t now_unix_ms,
             std::set<std::pair<std::string, std::string>> degraded)
    : table_(std::move(table)),
      probed_(std::move(probed)),
      now_unix_ms_(now_unix_ms),
      degraded_(std::move(degraded)) {
  std::memcpy(&key_.low, table_.steering_key().data(), 8);
  std::memcpy(&key_.high, table_.steering_key().data() + 8, 8);
  for (const v1::PoolEntry& entry : table_.pools()) {
    std::vector<MaglevMember> members;
    for (const v1::BackendEntry& backend : entry.backends()) {
      members.push_back({backend.name(), backend.weight()});
    }
    slots_[entry.name()] =
        std::make_shared<const MaglevTable>(MaglevTable::build(members, entry.table_slots(), key_));
  }
}

ModelAnswer Model::answer(const v1::ExplainRequest& request) const {
  Question question{IpAddress::parse(request.client_address())->to_bytes(),
                    IpAddress::parse(request.service_address())->to_bytes(),
                    request.client_port(),
                    request.service_port(),
                    request.protocol(),
                    request.established() && request.protocol() == kTcp,
                    request.dscp(),
                    ""};
  ModelAnswer answer;
  const v1::ServiceEntry* service = service_of(question);
  if (service == nullptr) return answer;
  answer.service = service->name();
  classify(question, answer);
  question.affinity = question.client + question.destination + port_bytes(question.client_port) +
                      port_bytes(question.port) + static_cast<char>(question.protocol) +
                      std::string(3, '\0');
  if (service->affinity() == v1::AFFINITY_CLIENT) {
    const size_t bytes = question.affinity.size();
    question.affinity = question.client.substr(0, 8);
    question.affinity.resize(bytes, '\0');
  }

  answer.verdict = v1::STEER_VERDICT_NO_ROUTE;
  choose_route(question, answer);
  for (const v1::RouteEntry& route : table_.routes()) {
    if (route.name() != answer.route) continue;
    choose_pool(question, route, answer);
    if (!answer.pool.empty()) choose_backend(question, answer);
  }
  return answer;
}

const v1::ServiceEntry* Model::service_of(const Question& question) const {
  const auto has = [&](const v1::ServiceEntry& service, uint32_t port) {
    return std::ranges::count(service.addresses(), question.destination) > 0 &&
           std::ranges::any_of(service.ports(), [&](const v1::ServicePort& candidate) {
             return candidate.protocol() == question.protocol && candidate.port() == port;
           });
  };
  for (const uint32_t port : {question.port, 0u}) {
    for (const v1::ServiceEntry& service : table_.services()) {
      if (has(service, port)) return &service;
    }
  }
  return nullptr;
}

void Model::classify(const Question& question, ModelAnswer& answer) const {
  answer.client_class = "unknown";
  int longest = -1;
  for (const v1::ClientClassEntry& entry : table_.client_classes()) {
    for (const std::string& prefix : entry.prefixes()) {
      const int length = static_cast<uint8_t>(prefix.back());
      if (prefix.size() != question.client.size() + 1 || length <= longest) continue;
      if (!first_bits_equal(prefix, question.client, length)) continue;
      longest = length;
      answer.client_class = entry.name();
      answer.matched_prefix =
          IpAddress::from_bytes(std::string_view(prefix).substr(0, prefix.size() - 1))
              ->to_string() +
          "/" + std::to_string(length);
    }
  }
}

void Model::choose_route(const Question& question, ModelAnswer& answer) const {
  for (const v1::SteeringEntry& row : table_.steering()) {
    if (row.service() != answer.service || row.client_class() != answer.client_class) continue;
    std::vector<std::string> in_order(row.conditional_routes().begin(),
                                      row.conditional_routes().end());
    in_order.push_back(row.route());
    for (const std::string& name : in_order) {
      for (const v1::RouteEntry& route : table_.routes()) {
        if (route.name() != name || !holds(route, question) || !answer.route.empty()) continue;
        answer.route = name;
      }
    }
  }
}

// By the calendar of the C library.
bool Model::holds(const v1::RouteEntry& route, const Question& question) const {
  const bool takes_dscp =
      route.dscp().empty() || std::ranges::count(route.dscp(), question.dscp) > 0;
  const std::time_t now = now_unix_ms_ / 1000;
  std::tm utc{};
  gmtime_r(&now, &utc);
  const int days_since_monday = (utc.tm_wday + 6) % 7;
  const auto minute =
      static_cast<uint32_t>((days_since_monday * 24 + utc.tm_hour) * 60 + utc.tm_min);
  const bool is_time =
      route.times().empty() || std::ranges::any_of(route.times(), [&](const v1::WeekMinutes& span) {
        return minute >= span.begin() && minute < span.end();
      });
  return takes_dscp && is_time;
}

void Model::choose_pool(const Question& question, const v1::RouteEntry& route,
                        ModelAnswer& answer) const {
  const uint64_t seed = hash(route.split_seed());
  answer.bucket = static_cast<uint32_t>(finalized(hash(question.affinity) ^ seed) >> 48);
  std::map<std::string, uint32_t> all;
  std::map<std::string, uint32_t> serving;
  for (const v1::RouteSplit& part : route.split()) {
    all[part.pool()] = part.weight();
    serving[part.pool()] = serves(part.pool(), question) ? part.weight() : 0;
  }
  answer.split_pool = split_owner(route, answer.bucket, all);
  answer.verdict = v1::STEER_VERDICT_NO_POOL;
  answer.cause = v1::POOL_CAUSE_SPLIT;
  divide(question, route, answer);
  const auto is_degraded = [&](const std::string& pool) {
    return !question.adopted && route.has_on_degraded() && degraded_.contains({route.name(), pool});
  };
  const bool stable_serves = answer.pool.empty() && serves(answer.split_pool, question);
  if (stable_serves && is_degraded(answer.split_pool)) {
    for (const std::string& fallback : route.fallback()) {
      if (!answer.pool.empty() || is_degraded(fallback) || !serves(fallback, question)) continue;
      answer.pool = fallback;
      answer.cause = v1::POOL_CAUSE_FALLBACK;
    }
  }
  if (stable_serves && answer.pool.empty()) answer.pool = answer.split_pool;
  for (const std::string& fallback : route.fallback()) {
    if (!answer.pool.empty() || !serves(fallback, question)) continue;
    answer.pool = fallback;
    answer.cause = v1::POOL_CAUSE_FALLBACK;
  }
  if (!answer.pool.empty()) return;
  answer.pool = split_owner(route, answer.bucket, serving);
  answer.cause = v1::POOL_CAUSE_RESPLIT;
}

// A rollout's candidate takes the clients of the stable pool that come first by another hash.
void Model::divide(const Question& question, const v1::RouteEntry& route,
                   ModelAnswer& answer) const {
  for (const v1::RolloutSplit& rollout : route.rollouts()) {
    if (rollout.stable() != answer.split_pool) continue;
    answer.rollout = rollout.seed();
    const uint64_t second =
        finalized(hash(question.affinity) ^ hash("rollout/" + rollout.seed())) / (1ull << 32);
    const uint64_t place = second * 1000000 / (1ull << 32);
    if (place >= rollout.weight() || !serves(rollout.candidate(), question)) continue;
    answer.pool = rollout.candidate();
    answer.cause = v1::POOL_CAUSE_ROLLOUT;
  }
}

// The pool with the least -log2(u) / weight; u from a permutation of the buckets that is the pool's
// own.
std::string Model::split_owner(const v1::RouteEntry& route, uint32_t bucket,
                               const std::map<std::string, uint32_t>& weights) const {
  std::string owner;
  long double best = 0;
  uint64_t best_rival = 0;
  for (const auto& [name, weight] : weights) {
    if (weight == 0) continue;
    const uint64_t rival = hash(word_bytes(hash(route.split_seed())) + word_bytes(hash(name)));
    const long double u = (place(rival, bucket) + 0.5L) / 65536;
    const long double score = -std::log2(u) / weight;
    if (!owner.empty() && (score > best || (score == best && rival > best_rival))) continue;
    owner = name;
    best = score;
    best_rival = rival;
  }
  return owner;
}

uint32_t Model::place(uint64_t rival, uint32_t bucket) const {
  uint64_t left = bucket / 256;
  uint64_t right = bucket % 256;
  for (uint64_t round = 0; round < 4; ++round) {
    const uint64_t mixed = hash(word_bytes(rival) + word_bytes(round * 256 + right)) >> 56;
    left = std::exchange(right, left ^ mixed);
  }
  return static_cast<uint32_t>(left * 256 + right);
}

bool Model::takes(const std::string& pool_name, const v1::BackendEntry& backend,
                  const Question& question) const {
  if (backend.has_eligible_until() && is_past(backend.eligible_until())) return false;
  const BackendState state = effective_state(table_, probed_, pool_name, backend.name());
  return state == BackendState::kUp || (question.adopted && state == BackendState::kDraining);
}

bool Model::is_past(const google::protobuf::Timestamp& until) const {
  return now_unix_ms_ >= until.seconds() * 1000 + until.nanos() / 1000000;
}

bool Model::serves(const std::string& name, const Question& question) const {
  const v1::PoolEntry& entry = pool(name);
  if (entry.has_eligible_until() && is_past(entry.eligible_until())) return false;
  uint32_t count = 0;
  bool weighted = false;
  for (const v1::BackendEntry& backend : entry.backends()) {
    if (!takes(name, backend, question)) continue;
    ++count;
    weighted = weighted || backend.weight() > 0;
  }
  return weighted && count >= entry.min_up();
}

void Model::choose_backend(const Question& question, ModelAnswer& answer) const {
  const v1::PoolEntry& chosen = pool(answer.pool);
  const MaglevTable& slots = *slots_.at(answer.pool);
  const uint64_t name_hash = hash("pool/" + answer.pool);
  answer.slot = slots.slot_of(finalized(hash(question.affinity) ^ name_hash));
  answer.slot_owner = chosen.backends(static_cast<int>(slots.owner(answer.slot))).name();
  for (uint32_t attempt = 0; answer.backend.empty(); ++attempt) {
    const uint32_t owner = slots.owner(slots.successor(answer.slot, attempt));
    const v1::BackendEntry& backend = chosen.backends(static_cast<int>(owner));
    if (takes(answer.pool, backend, question)) answer.backend = backend.name();
  }
  answer.verdict = v1::STEER_VERDICT_FORWARD;
}

const v1::PoolEntry& Model::pool(const std::string& name) const {
  for (const v1::PoolEntry& entry : table_.pools()) {
    if (entry.name() == name) return entry;
  }
  std::abort();  // the table has no violations
}

}  // namespace sluice::dataplane
