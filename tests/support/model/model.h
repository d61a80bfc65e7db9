// SPDX-License-Identifier: Apache-2.0
//
// A naive balancer that answers by the definitions, with linear scans: the oracle of steering.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "dataplane/maglev/maglev_table.h"
#include "dataplane/net/ip_address.h"
#include "dataplane/net/keyed_hash.h"
#include "dataplane/table/snapshot.h"
#include "sluice/v1/dataplane.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

// (pool, backend) -> what the probes say; who is missing is up.
using ProbedStates = std::map<std::pair<std::string, std::string>, BackendState>;

struct ModelAnswer {
  v1::SteerVerdict verdict = v1::STEER_VERDICT_NO_SERVICE;
  v1::PoolCause cause = v1::POOL_CAUSE_UNSPECIFIED;
  std::string service, client_class, matched_prefix, route, split_pool, rollout, pool, slot_owner,
      backend;
  uint32_t bucket = 0;
  uint32_t slot = 0;
};

// State of a backend when drains and recalls of the table are laid over what the probes say.
BackendState effective_state(const v1::ForwardingTable& table, const ProbedStates& probed,
                             const std::string& pool, const std::string& backend);

// Shape: `table` has no violations. Its Maglev slots come from `MaglevTable`, which has an oracle
// of its own.
class Model {
 public:
  // Shape: `degraded` are routes with pools of their splits.
  Model(v1::ForwardingTable table, ProbedStates probed, int64_t now_unix_ms,
        std::set<std::pair<std::string, std::string>> degraded = {});
  // Shape: `request` is valid.
  ModelAnswer answer(const v1::ExplainRequest& request) const;

 private:
  struct Question;
  const v1::ServiceEntry* service_of(const Question& question) const;
  void classify(const Question& question, ModelAnswer& answer) const;
  void choose_route(const Question& question, ModelAnswer& answer) const;
  bool holds(const v1::RouteEntry& route, const Question& question) const;
  bool is_past(const google::protobuf::Timestamp& until) const;
  void choose_pool(const Question& question, const v1::RouteEntry& route,
                   ModelAnswer& answer) const;
  void divide(const Question& question, const v1::RouteEntry& route, ModelAnswer& answer) const;
  void choose_backend(const Question& question, ModelAnswer& answer) const;
  uint32_t place(uint64_t rival, uint32_t bucket) const;
  std::string split_owner(const v1::RouteEntry& route, uint32_t bucket,
                          const std::map<std::string, uint32_t>& weights) const;
  bool serves(const std::string& pool, const Question& question) const;
  bool takes(const std::string& pool, const v1::BackendEntry& backend,
             const Question& question) const;
  const v1::PoolEntry& pool(const std::string& name) const;
  uint64_t hash(const std::string& bytes) const { return keyed_hash(key_, bytes); }

  v1::ForwardingTable table_;
  ProbedStates probed_;
  int64_t now_unix_ms_;
  std::set<std::pair<std::string, std::string>> degraded_;
  HashKey key_;
  std::map<std::string, std::shared_ptr<const MaglevTable>> slots_;
};

}  // namespace sluice::dataplane
