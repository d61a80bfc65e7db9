// SPDX-License-Identifier: Apache-2.0
//
// What the packet path does with the flow of a case, without any node.
#include "controlplane/cli/case_run.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_split.h"
#include "controlplane/cli/values.h"
#include "controlplane/planner/compile.h"
#include "dataplane/table/explain.h"
#include "dataplane/table/from_proto.h"
#include "dataplane/table/snapshot.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace sluice::controlplane::cli {
namespace {

using dataplane::BackendCondition;
using dataplane::BackendState;
using dataplane::IpAddress;

constexpr uint32_t kClientPort = 40'000;  // where a case names none: any is as good

// "198.51.100.7", or with a port.
absl::StatusOr<Endpoint> parse_client(const std::string& text) {
  if (const auto address = IpAddress::parse(text)) return Endpoint{*address, kClientPort};
  return parse_endpoint(text);
}

std::string refused_text(v1::TestExpectation::Refused refused) {
  switch (refused) {
    case v1::TestExpectation::REFUSED_NO_ROUTE:
      return "no route";
    case v1::TestExpectation::REFUSED_NO_POOL:
      return "no pool";
    default:
      return "no service";
  }
}

v1::TestExpectation::Refused refused_by(v1::SteerVerdict verdict) {
  switch (verdict) {
    case v1::STEER_VERDICT_NO_ROUTE:
      return v1::TestExpectation::REFUSED_NO_ROUTE;
    case v1::STEER_VERDICT_NO_POOL:
      return v1::TestExpectation::REFUSED_NO_POOL;
    case v1::STEER_VERDICT_NO_SERVICE:
      return v1::TestExpectation::REFUSED_NO_SERVICE;
    default:
      return v1::TestExpectation::REFUSED_UNSPECIFIED;
  }
}

std::string expected_text(const v1::TestExpectation& expect) {
  if (!expect.backend().empty())
    return fmt::format("backend {} of pool {}", expect.backend(), expect.pool());
  if (!expect.pool().empty()) return fmt::format("pool {}", expect.pool());
  if (!expect.pools().empty())
    return fmt::format("one of the pools {}", fmt::join(expect.pools(), ", "));
  return refused_text(expect.refused());
}

bool is_met(const v1::TestExpectation& expect, const v1::ExplainResponse& answer) {
  if (expect.refused() != v1::TestExpectation::REFUSED_UNSPECIFIED)
    return refused_by(answer.verdict()) == expect.refused();
  if (answer.verdict() != v1::STEER_VERDICT_FORWARD) return false;
  if (!expect.backend().empty() && answer.backend() != expect.backend()) return false;
  if (!expect.pool().empty()) return answer.pool() == expect.pool();
  return std::find(expect.pools().begin(), expect.pools().end(), answer.pool()) !=
         expect.pools().end();
}

// Every backend is up and can be sent to, but for those that the case fails.
std::vector<BackendCondition> conditions_of(const dataplane::Table& table,
                                            const v1::TestCase& test) {
  const std::set<std::string> down(test.down().begin(), test.down().end());
  std::vector<BackendCondition> conditions(table.backend_capacity);
  for (const dataplane::Pool& pool : table.pools) {
    for (const dataplane::PoolMember& member : pool.members) {
      const bool fails =
          down.contains(pool.name) || down.contains(fmt::format("{}/{}", pool.name, member.name));
      BackendCondition& condition = conditions[member.id.index()];
      condition.state = fails ? BackendState::kDown : BackendState::kUp;
      condition.next_hop.resolved = true;
    }
  }
  return conditions;
}

absl::Time time_of(const v1::TestCase& test, absl::Time now) {
  if (!test.has_time()) return now;
  return absl::FromUnixSeconds(test.time().seconds()) + absl::Nanoseconds(test.time().nanos());
}

}  // namespace

bool names_client(const v1::TestCase& test) {
  return parse_client(test.from()).ok();
}

absl::StatusOr<v1::ExplainRequest> to_request(const v1::TestCase& test) {
  if (test.from().empty())
    return absl::InvalidArgumentError("is required: the client, such as 198.51.100.7");
  const absl::StatusOr<Endpoint> client = parse_client(test.from());
  if (!client.ok()) return client.status();
  const std::vector<std::string> parts = absl::StrSplit(test.to(), absl::MaxSplits('/', 1));
  if (parts.size() != 2) {
    return absl::InvalidArgumentError(
        "is required: the service as PROTOCOL/ADDRESS:PORT, such as tcp/203.0.113.10:80");
  }
  const absl::StatusOr<uint32_t> protocol = parse_protocol(parts[0]);
  if (!protocol.ok()) return protocol.status();
  const absl::StatusOr<Endpoint> service = parse_endpoint(parts[1]);
  if (!service.ok()) return service.status();
  if (client->address.family() != service->address.family())
    return absl::InvalidArgumentError("client and service are of different address families");
  v1::ExplainRequest request;
  request.set_protocol(*protocol);
  request.set_client_address(client->address.to_string());
  request.set_client_port(client->port);
  request.set_service_address(service->address.to_string());
  request.set_service_port(service->port);
  request.set_dscp(test.dscp());
  return request;
}

absl::StatusOr<std::shared_ptr<const dataplane::Table>> CaseRun::table_at(const Weights& weights) {
  std::unique_ptr<Built>& built = tables_[weights];
  if (built != nullptr) return built->table;
  TableHeader header;
  header.steering_key = test_steering_key();
  for (const auto& [name, weight] : weights) {
    v1::RolloutStatus& status = header.rollouts.emplace_back();
    status.set_rollout(name);
    status.set_weight(weight);
    status.set_phase(v1::ROLLOUT_PHASE_PROGRESSING);
  }
  const CompileResult compiled = compile_policy(policy_.policy, clients_, policy_.source, header);
  if (!compiled.refusals.empty())
    return absl::FailedPreconditionError(compiled.refusals.front().to_string());
  auto made = std::make_unique<Built>();
  absl::StatusOr<dataplane::BuiltTable> table =
      dataplane::build_table(dataplane::CanonicalTable(compiled.table), nullptr, made->registry);
  if (!table.ok()) return table.status();
  made->table = std::move(table->table);
  built = std::move(made);
  return built->table;
}

absl::StatusOr<CaseOutcome> CaseRun::run(const v1::TestCase& test) {
  const absl::StatusOr<v1::ExplainRequest> request = to_request(test);
  if (!request.ok()) return request.status();
  const auto table = table_at({test.rollouts().begin(), test.rollouts().end()});
  if (!table.ok()) return table.status();
  const auto snapshot = dataplane::make_snapshot(*table, 1, conditions_of(**table, test),
                                                 absl::ToUnixMillis(time_of(test, now_)));
  CaseOutcome outcome;
  const absl::Status status = dataplane::explain(*snapshot, *request, outcome.explanation);
  if (!status.ok()) return status;
  const v1::ExplainResponse& answer = outcome.explanation;
  outcome.passed = is_met(test.expect(), answer);
  outcome.expected = expected_text(test.expect());
  outcome.happened = answer.verdict() == v1::STEER_VERDICT_FORWARD
                         ? fmt::format("backend {} of pool {}", answer.backend(), answer.pool())
                         : refused_text(refused_by(answer.verdict()));
  return outcome;
}

}  // namespace sluice::controlplane::cli
