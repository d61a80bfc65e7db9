// SPDX-License-Identifier: Apache-2.0
//
// What planning costs: a whole policy with its guardrail proof, and one route's weight in it, at a
// quarter and half of the size and at 4,096 services, 500,000 prefixes and 10,000 backends.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "controlplane/planner/plan.h"
#include "controlplane/policy/validate.h"
#include "tests/bench/result.h"

namespace sluice::controlplane {
namespace {

using bench::Result;

constexpr int kServices = 4096;
constexpr int kPrefixes = 500'000;
constexpr int kPools = 1000;
constexpr int kBackendsPerPool = 10;
constexpr int kClasses = 10;
constexpr double kMegabyte = 1e6;

std::string numbered(const char* name, int number) {
  return name + std::to_string(number);
}

void add_classes(v1::Policy& policy, int prefixes) {
  for (int i = 0; i < kClasses; ++i) {
    v1::ClientClass& added = *policy.add_client_classes();
    added.mutable_metadata()->set_name(numbered("class-", i));
    (*added.mutable_metadata()->mutable_labels())["region"] = i % 2 == 0 ? "eu" : "us";
    for (int k = i; k < prefixes; k += kClasses) {
      added.mutable_spec()->add_prefixes(std::to_string(16 + (k >> 16)) + "." +
                                         std::to_string(k >> 8 & 255) + "." +
                                         std::to_string(k & 255) + ".0/24");
    }
  }
}

void add_pools(v1::Policy& policy, int pools) {
  for (int i = 0; i < pools; ++i) {
    v1::Pool& pool = *policy.add_pools();
    pool.mutable_metadata()->set_name(numbered("pool-", i));
    auto& labels = *pool.mutable_metadata()->mutable_labels();
    labels["jurisdiction"] = "eu";
    labels["model"] = numbered("model-", i % 50);
    pool.mutable_spec()->set_table_slots(1009);
    for (int k = 0; k < kBackendsPerPool; ++k) {
      v1::Backend& backend = *pool.mutable_spec()->add_backends();
      backend.set_name(numbered("b", k));
      backend.set_address("10." + std::to_string(i >> 8) + "." + std::to_string(i & 255) + "." +
                          std::to_string(k + 1));
    }
  }
}

void add_services(v1::Policy& policy, int services, int pools) {
  for (int i = 0; i < services; ++i) {
    v1::Service& service = *policy.add_services();
    service.mutable_metadata()->set_name(numbered("service-", i));
    service.mutable_spec()->add_addresses("192." + std::to_string(i >> 8) + "." +
                                          std::to_string(i & 255) + ".1");
    service.mutable_spec()->add_ports("tcp/443");
    v1::Route& route = *policy.add_routes();
    route.mutable_metadata()->set_name(numbered("route-", i));
    route.mutable_spec()->set_service(service.metadata().name());
    for (int k = 0; k < 2; ++k) {
      v1::SplitEntry& part = *route.mutable_spec()->add_split();
      part.set_pool(numbered("pool-", (i + k) % pools));
      part.set_weight(static_cast<uint32_t>(k == 0 ? 90 : 10));
    }
    route.mutable_spec()->add_fallback(numbered("pool-", (i + 1) % pools));
  }
}

void add_guardrail(v1::Policy& policy) {
  v1::Guardrail& guardrail = *policy.add_guardrails();
  guardrail.mutable_metadata()->set_name("eu-residency");
  (*guardrail.mutable_spec()->mutable_clients()->mutable_match_labels())["region"] = "eu";
  (*guardrail.mutable_spec()->mutable_require()->mutable_match_labels())["jurisdiction"] = "eu";
}

v1::Policy make_policy(int divisor) {
  v1::Policy policy;
  add_classes(policy, kPrefixes / divisor);
  add_pools(policy, kPools / divisor);
  add_services(policy, kServices / divisor, kPools / divisor);
  add_guardrail(policy);
  return policy;
}

double allocated_mb() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) / kMegabyte;
}

TableHeader header() {
  TableHeader made;
  made.generation = made.revision = 2;
  made.steering_key = test_steering_key();
  return made;
}

Plan plan(const Running& running, const v1::Policy& policy, const ClientSets& clients,
          const ObjectNames& touched) {
  const SourceMap source;
  Violations violations;
  validate_policy(policy, clients, source, violations);
  Plan made = make_plan(running, {policy, clients, source, touched}, header());
  if (violations.empty() && made.refusals.empty()) return made;
  std::fprintf(stderr, "plan_bench: the policy is refused\n");
  std::exit(1);
}

void measure(int divisor, int rounds) {
  const auto size = static_cast<uint32_t>(kServices / divisor);
  Result whole{"whole_policy", size}, weight{"route_weight", size}, memory{"memory", size};
  const v1::Policy empty;
  const v1::ForwardingTable none;
  const v1::Policy policy = make_policy(divisor);
  for (int round = 0; round < rounds; ++round) {
    const double before_mb = allocated_mb();
    std::unique_ptr<ClientSets> clients;
    Plan first;
    whole.ours.push_back(bench::time_us([&] {
                           clients = std::make_unique<ClientSets>(client_sets(policy));
                           first = plan({empty, none}, policy, *clients, all_objects(policy));
                         }) /
                         1e3);
    memory.ours.push_back(allocated_mb() - before_mb);
    first.table->set_generation(1);
    v1::Policy changed = policy;
    changed.mutable_routes(7)->mutable_spec()->mutable_split(0)->set_weight(50);
    weight.ours.push_back(bench::time_us([&] {
                            bench::keep(plan({policy, *first.table}, changed, *clients,
                                             {{"Route", {changed.routes(7).metadata().name()}}}));
                          }) /
                          1e3);
  }
  print("planner", "ms", whole);
  print("planner", "ms", weight);
  print("planner", "MB", memory);
}

}  // namespace
}  // namespace sluice::controlplane

int main(int argc, char** argv) {
  int rounds = 5;
  bool quick = false;
  CLI::App app("Times planning: one line of JSON for each result.\nExample: plan_bench --quick");
  app.add_option("--rounds", rounds, "how often each is timed; the best round counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_flag("--quick", quick, "one round");
  CLI11_PARSE(app, argc, argv);
  if (quick) rounds = 1;
  for (const int divisor : {4, 2, 1})
    sluice::controlplane::measure(divisor, rounds);
  return 0;
}
