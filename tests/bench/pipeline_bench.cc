// SPDX-License-Identifier: Apache-2.0
//
// What the whole pipeline costs per packet, beside the smallest balancer on the same packets.
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/flow/tcp_state.h"
#include "tests/bench/bench_node.h"
#include "tests/bench/flow_source.h"
#include "tests/bench/reference_kernel.h"
#include "tests/bench/result.h"

namespace sluice::dataplane {
namespace {

using bench::print;
using bench::Result;

constexpr uint32_t kMbufs = 8192;
constexpr uint32_t kFewMbufs = 512;
constexpr uint32_t kHomelessFlows = 500'000;  // one in so many at most
constexpr double kMissedMax = 0.03;  // of the reference's packets: two flows in one full bucket

struct Options {
  int rounds = 7;
  uint64_t packets = 1u << 21;  // per round
  std::vector<uint32_t> flows{1024, 65'536, 1'048'576, 10'000'000};
  std::string only;
  bool ours_alone = false;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "pipeline_bench: %s\n", what.c_str());
  std::exit(1);
}

// Makes blocks of packets and times what takes them, without the making.
template <Family F, class Take>
double time_blocks(FlowSource<F>& source, std::span<rte_mbuf*> block, uint64_t packets,
                   uint8_t flags, Take&& take) {
  std::chrono::nanoseconds spent{0};
  uint64_t done = 0;
  while (done < packets) {
    const std::span<rte_mbuf*> part = block.first(std::min<uint64_t>(block.size(), packets - done));
    source.fill(part, flags);
    const auto start = std::chrono::steady_clock::now();
    take(part);
    spent += std::chrono::steady_clock::now() - start;
    done += part.size();
  }
  return static_cast<double>(spent.count()) / static_cast<double>(done);
}

template <Family F>
double time_node(BenchNode& node, FlowSource<F>& source, std::span<rte_mbuf*> block,
                 uint64_t packets, uint8_t flags, uint16_t worker = 0) {
  const uint64_t before = node.forwarded(worker);
  // Records are taken beside the clock; the ring holds those of several blocks.
  const double ns = time_blocks(source, block, packets, flags,
                                [&](std::span<rte_mbuf*> part) { node.forward(part, worker); });
  if (node.forwarded(worker) - before != packets || node.strayed(worker) != 0)
    fail("packets left the intended path");
  return ns;
}

template <Family F>
double time_reference(ReferenceKernel<F>& kernel, FlowSource<F>& source, std::span<rte_mbuf*> block,
                      uint64_t packets) {
  const uint64_t missed = kernel.missed();
  const double ns = time_blocks(source, block, packets, kTcpAck, [&](std::span<rte_mbuf*> part) {
    for (; !part.empty(); part = part.subspan(std::min(part.size(), kernel.kBurst)))
      kernel.forward(part.first(std::min(part.size(), kernel.kBurst)));
  });
  if (static_cast<double>(kernel.missed() - missed) > kMissedMax * static_cast<double>(packets))
    fail("the reference kernel does not know its flows");
  return ns;
}

// Lets the node take over every flow of the source: open at once, so that none times out while ten
// million others follow.
template <Family F>
void open_flows(BenchNode& node, FlowSource<F>& source, std::span<rte_mbuf*> block, uint32_t flows,
                uint16_t worker = 0) {
  for (uint32_t done = 0; done < flows;) {
    const auto part = block.first(std::min<size_t>(block.size(), flows - done));
    source.fill(part, kTcpAck);
    node.forward(part, worker);
    node.take_records();
    done += static_cast<uint32_t>(part.size());
  }
  // A few in a million find both of their buckets full, and are forwarded without an entry.
  if (node.flows(worker) < flows - flows / kHomelessFlows - 1) fail("not every flow is known");
}

// Packets of known flows, against the reference kernel.
template <Family F>
Result known(const std::string& name, const v1::ForwardingTable& table, uint32_t flows,
             std::span<rte_mbuf*> block, const Options& options) {
  Result result{name, flows};
  FlowSource<F> source(0, flows, flows);
  BenchNode node(table, flows + flows / 8);
  open_flows(node, source, block, flows);
  if (options.ours_alone) {
    result.ours.push_back(time_node(node, source, block, options.packets, kTcpAck));
    return result;
  }
  ReferenceKernel<F> kernel(flows);
  time_reference(kernel, source, block, 0);
  for (uint64_t done = 0; done < flows; done += block.size()) {
    source.fill(block, kTcpAck);
    for (size_t i = 0; i < block.size(); i += kernel.kBurst)
      kernel.forward(block.subspan(i, kernel.kBurst));
  }
  for (int round = 0; round < options.rounds; ++round) {
    result.limit.push_back(time_reference(kernel, source, block, options.packets));
    result.ours.push_back(time_node(node, source, block, options.packets, kTcpAck));
  }
  return result;
}

// A million flows open, each by one SYN; against packets of the same flows once they are known.
template <Family F>
Result opening(const std::string& name, const v1::ForwardingTable& table, uint32_t flows,
               std::span<rte_mbuf*> block, const Options& options) {
  Result result{name, flows};
  FlowSource<F> source(0, flows, flows);
  BenchNode node(table, flows + flows / 8);
  for (int round = 0; round < options.rounds; ++round) {
    double sum = 0;
    uint32_t parts = 0;
    for (uint32_t done = 0; done < flows; done += kMbufs, ++parts) {
      sum += time_node(node, source, block, std::min(kMbufs, flows - done), kTcpSyn);
      if (node.take_records() == 0) fail("new flows leave no records");
    }
    result.ours.push_back(sum / parts);
    if (!options.ours_alone)
      result.limit.push_back(time_node(node, source, block, options.packets, kTcpAck));
    node.take_records();
    node.forget_flows();
  }
  return result;
}

// SYNs of ever new flows at a table that has no room; against packets of the flows that fill it.
template <Family F>
Result flood(const std::string& name, const v1::ForwardingTable& table, uint32_t flows,
             std::span<rte_mbuf*> block, const Options& options) {
  constexpr uint32_t kFloodFlows = 1u << 22;
  Result result{name, flows};
  FlowSource<F> source(0, flows, flows);
  FlowSource<F> strangers(flows, kFloodFlows, 1);
  BenchNode node(table, flows);
  open_flows(node, source, block, flows);
  for (int round = 0; round < options.rounds; ++round) {
    result.ours.push_back(time_node(node, strangers, block, options.packets, kTcpSyn));
    if (!options.ours_alone)
      result.limit.push_back(time_node(node, source, block, options.packets, kTcpAck));
  }
  if (node.flows() != flows) fail("the flood found room");
  return result;
}

// Known flows on two lcores at once, each with flows and mbufs of its own; against one of them
// alone.
Result two_workers(const std::string& name, const v1::ForwardingTable& table, uint32_t flows,
                   std::span<rte_mbuf*> block, const Options& options) {
  Result result{name, flows};
  BenchNode node(table, flows + flows / 8, 2);
  const size_t half = block.size() / 2;
  const std::array<std::span<rte_mbuf*>, 2> blocks = {block.first(half), block.subspan(half)};
  std::array<FlowSource<Family::kIpv4>, 2> sources = {FlowSource<Family::kIpv4>(0, flows, 1),
                                                      FlowSource<Family::kIpv4>(flows, flows, 2)};
  for (uint16_t worker = 0; worker < 2; ++worker)
    open_flows(node, sources[worker], blocks[worker], flows, worker);
  const auto time_on = [&](uint16_t worker) {
    cpu_set_t processor;
    CPU_ZERO(&processor);
    CPU_SET(worker, &processor);
    sched_setaffinity(0, sizeof processor, &processor);
    return time_node(node, sources[worker], blocks[worker], options.packets, kTcpAck, worker);
  };
  for (int round = 0; round < options.rounds; ++round) {
    std::array<double, 2> ns{};
    std::thread([&] { result.limit.push_back(time_on(1)); }).join();
    std::thread first([&] { ns[0] = time_on(0); });
    std::thread second([&] { ns[1] = time_on(1); });
    first.join();
    second.join();
    result.ours.push_back(ns[1]);
  }
  return result;
}

struct Case {
  std::string name;
  std::function<Result(uint32_t flows)> run;
  std::optional<uint32_t> flows;  // else each of the options'
};

void run(const Options& options) {
  MbufRotation rotation(kMbufs);
  if (!rotation.on_hugepages())
    std::fputs("pipeline_bench: no free hugepages, mbufs lie on small pages\n", stderr);
  const auto block = rotation.mbufs();
  const auto few = block.first(kFewMbufs);
  constexpr Family kV4 = Family::kIpv4, kV6 = Family::kIpv6;
  constexpr uint32_t kMillion = 1'048'576;
  const auto ipip = bench_table(v1::FORWARDING_IPIP, kV4);
  const auto ip6ip6 = bench_table(v1::FORWARDING_IPIP, kV6);
  const auto l2 = bench_table(v1::FORWARDING_L2, kV4);

  const std::vector<Case> cases = {
      {"known_ipv4_ipip",
       [&](uint32_t flows) { return known<kV4>("known_ipv4_ipip", ipip, flows, block, options); },
       {}},
      {"known_ipv6_ipip",
       [&](uint32_t flows) { return known<kV6>("known_ipv6_ipip", ip6ip6, flows, block, options); },
       {}},
      {"known_ipv4_ipip_512_mbufs",
       [&](uint32_t n) { return known<kV4>("known_ipv4_ipip_512_mbufs", ipip, n, few, options); },
       65'536},
      {"known_ipv4_l2",
       [&](uint32_t n) { return known<kV4>("known_ipv4_l2", l2, n, block, options); }, 65'536},
      {"known_ipv4_in_ipv6",
       [&](uint32_t n) { return known<kV4>("known_ipv4_in_ipv6", ip6ip6, n, block, options); },
       65'536},
      {"new_ipv4", [&](uint32_t n) { return opening<kV4>("new_ipv4", ipip, n, block, options); },
       kMillion},
      {"new_ipv6", [&](uint32_t n) { return opening<kV6>("new_ipv6", ip6ip6, n, block, options); },
       kMillion},
      {"two_workers_ipv4_ipip",
       [&](uint32_t n) { return two_workers("two_workers_ipv4_ipip", ipip, n, block, options); },
       65'536},
      {"syn_flood_full_table",
       [&](uint32_t n) { return flood<kV4>("syn_flood_full_table", ipip, n, block, options); },
       kMillion},
  };
  for (const Case& one : cases) {
    if (!options.only.empty() && one.name != options.only) continue;
    const std::vector<uint32_t> sizes =
        one.flows && options.flows.size() > 1 ? std::vector<uint32_t>{*one.flows} : options.flows;
    for (const uint32_t flows : sizes) {
      std::fprintf(stderr, "  %s, %u flows\n", one.name.c_str(), flows);
      print("pipeline", "ns/packet", one.run(flows));
    }
  }
}

}  // namespace
}  // namespace sluice::dataplane

int main(int argc, char** argv) {
  sluice::dataplane::Options options;
  bool quick = false;
  CLI::App app{
      "Nanoseconds per packet of the whole pipeline beside the smallest balancer, in turn.\n"
      "Example: pipeline_bench --only known_ipv4_ipip --flows 65536"};
  app.add_option("--rounds", options.rounds, "rounds of each; the best counts")
      ->check(CLI::PositiveNumber);
  app.add_option("--packets", options.packets, "per round")->check(CLI::PositiveNumber);
  app.add_option("--flows", options.flows, "how many flows");
  app.add_option("--only", options.only, "one case");
  app.add_flag("--ours-alone", options.ours_alone, "one round, without what it is compared with");
  app.add_flag("--quick", quick, "fewer rounds and flows");
  CLI11_PARSE(app, argc, argv);
  if (quick) {
    options.rounds = 3;
    options.packets = 1u << 20;
    options.flows = {1024, 65'536, 1'048'576};
  }
  if (options.ours_alone) options.rounds = 1;
  sluice::dataplane::run(options);
  return 0;
}
