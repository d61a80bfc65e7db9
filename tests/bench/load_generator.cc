// SPDX-License-Identifier: Apache-2.0
//
// Sends flows at a fixed rate through whatever is on the other side of a port, and times what comes
// back.
//
// Each frame carries the time stamp counter at which it was sent in its last six bytes, where both
// a swap of addresses and a tunnel leave it. Lost is what was due and did not come back, packets
// that the port refused included. The generator may be kept from its processor; what was on its way
// meanwhile says nothing about the other side and is counted but not timed.
#include <arpa/inet.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/latency_histogram.h"

namespace sluice::bench {
namespace {

constexpr uint16_t kPort = 0;
constexpr uint16_t kSendBurst = 32;
constexpr uint16_t kReceiveBurst = 64;
constexpr uint16_t kFrameBytes = 60;  // 64 on the wire
constexpr size_t kStampBytes = 6;
constexpr uint64_t kStampMask = (uint64_t{1} << 48) - 1;
constexpr uint32_t kBuffers = 16384;
constexpr uint32_t kBufferCache = 256;
constexpr uint16_t kDescriptors = 1024;
// A turn takes one to five microseconds; a longer one means that the processor was taken away.
constexpr double kStallSeconds = 20e-6;
constexpr double kSettleSeconds = 0.2;
constexpr double kLearnRate = 1e6;  // slow enough for every flow to be taken in
constexpr double kLearnSecondsMax = 3600;
constexpr double kLinkPatienceSeconds = 30;

std::atomic<bool> stop_asked{false};

struct Options {
  uint32_t flows = 65536;
  double rate = 0;
  double seconds = 2;
  double warm_seconds = 0.5;
  uint16_t overhead_bytes = 0;
  std::string service = "203.0.113.10";
  uint16_t service_port = 80;
};

void declare(CLI::App& app, Options& options) {
  app.add_option("--flows", options.flows, "TCP connections that the packets belong to")
      ->check(CLI::Range(1, 10'000'000));
  app.add_option("--rate", options.rate, "packets per second; 0: as many as the port takes")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seconds", options.seconds, "measured; SIGTERM or SIGINT ends it earlier")
      ->check(CLI::PositiveNumber);
  app.add_option("--warm", options.warm_seconds, "seconds of the same load before it");
  app.add_option("--overhead", options.overhead_bytes,
                 "bytes by which frames come back longer: 20 for IPv4 in IPv4");
  app.add_option("--service", options.service, "IPv4 address of the service");
  app.add_option("--service-port", options.service_port, "TCP port of the service");
}

// The frames of established connections: one template, the flow's source and the time put in.
class Frames {
 public:
  explicit Frames(const Options& options, uint32_t service) : flows_(options.flows) {
    auto* const ethernet = reinterpret_cast<rte_ether_hdr*>(template_.data());
    ethernet->dst_addr = {{0x02, 0, 0, 0, 0, 0x02}};
    ethernet->src_addr = {{0x02, 0, 0, 0, 0, 0x01}};
    ethernet->ether_type = htons(RTE_ETHER_TYPE_IPV4);
    rte_ipv4_hdr& ip = ip_of(template_.data());
    ip.version_ihl = RTE_IPV4_VHL_DEF;
    ip.total_length = htons(kFrameBytes - RTE_ETHER_HDR_LEN);
    ip.fragment_offset = htons(RTE_IPV4_HDR_DF_FLAG);
    ip.time_to_live = 64;
    ip.next_proto_id = IPPROTO_TCP;
    ip.dst_addr = service;
    rte_tcp_hdr& tcp = tcp_of(template_.data());
    tcp.dst_port = htons(options.service_port);
    tcp.data_off = sizeof(rte_tcp_hdr) / 4 << 4;
    tcp.tcp_flags = RTE_TCP_ACK_FLAG;
    tcp.rx_win = htons(1024);
  }

  uint32_t flows() const noexcept { return flows_; }

  // The TCP checksum stays zero: nothing on the way reads it.
  void write(rte_mbuf& mbuf, uint32_t flow, uint64_t stamp) const noexcept {
    constexpr uint32_t kSources = 200;  // of 198.51.100.0/24
    constexpr uint32_t kFirstSource = 0xc633'6401;
    constexpr uint32_t kFirstPort = 1024;
    auto* const frame = rte_pktmbuf_mtod(&mbuf, uint8_t*);
    std::memcpy(frame, template_.data(), template_.size());
    rte_ipv4_hdr& ip = ip_of(frame);
    ip.src_addr = htonl(kFirstSource + flow % kSources);
    ip.hdr_checksum = rte_ipv4_cksum(&ip);
    tcp_of(frame).src_port = htons(static_cast<uint16_t>(kFirstPort + flow / kSources));
    std::memcpy(frame + kFrameBytes - kStampBytes, &stamp, kStampBytes);
    mbuf.data_len = kFrameBytes;
    mbuf.pkt_len = kFrameBytes;
  }

 private:
  static rte_ipv4_hdr& ip_of(uint8_t* frame) noexcept {
    return *reinterpret_cast<rte_ipv4_hdr*>(frame + RTE_ETHER_HDR_LEN);
  }
  static rte_tcp_hdr& tcp_of(uint8_t* frame) noexcept {
    return *reinterpret_cast<rte_tcp_hdr*>(frame + RTE_ETHER_HDR_LEN + sizeof(rte_ipv4_hdr));
  }

  uint32_t flows_;
  std::array<uint8_t, kFrameBytes> template_{};
};

uint64_t stamp_of(const rte_mbuf& mbuf) noexcept {
  uint64_t stamp = 0;
  std::memcpy(&stamp, rte_pktmbuf_mtod_offset(&mbuf, const uint8_t*, mbuf.data_len - kStampBytes),
              kStampBytes);
  return stamp;
}

// How many packets are due. What was missed is not made up for: after a pause of the generator the
// other side sees the same rate as before, not a flood.
class Pacer {
 public:
  explicit Pacer(double rate, uint64_t now)
      : packets_per_cycle_(rate / static_cast<double>(rte_get_tsc_hz())), last_(now) {}

  uint16_t due(uint64_t now) noexcept {
    if (packets_per_cycle_ == 0) return kSendBurst;
    credit_ += static_cast<double>(now - last_) * packets_per_cycle_;
    last_ = now;
    credit_ = std::min(credit_, double{kSendBurst});
    const auto whole = static_cast<uint16_t>(credit_);
    credit_ -= whole;
    return whole;
  }

 private:
  double packets_per_cycle_;
  uint64_t last_;
  double credit_ = 0;
};

// Which flow is next, in one phase.
class FlowOrder {
 public:
  enum class Kind { kEachOnce, kRandom };
  FlowOrder(Kind kind, uint32_t flows) : kind_(kind), flows_(flows) {}

  uint32_t next() noexcept {
    if (kind_ == Kind::kEachOnce) return std::min(once_++, flows_ - 1);
    random_ ^= random_ << 13;  // xorshift32
    random_ ^= random_ >> 17;
    random_ ^= random_ << 5;
    return static_cast<uint32_t>(uint64_t{random_} * flows_ >> 32);
  }
  bool is_through() const noexcept { return kind_ == Kind::kEachOnce && once_ >= flows_; }

 private:
  Kind kind_;
  uint32_t flows_;
  uint32_t once_ = 0;
  uint32_t random_ = 0x9e37'79b9;
};

struct Tally {
  uint64_t due = 0;
  uint64_t refused = 0;  // the port's queue was full: the other side does not keep up
  uint64_t received = 0;
  uint64_t strange = 0;  // came back in another size than a forwarded packet has
  uint64_t untimed = 0;
  uint64_t cycles = 0;          // while packets were sent
  uint64_t stalled_cycles = 0;  // part of `cycles`
  LatencyHistogram latency;
};

class Generator {
 public:
  Generator(const Options& options, const Frames& frames, rte_mempool& buffers)
      : options_(options), frames_(frames), buffers_(buffers) {}

  Tally run() {
    phase(kLearnRate, FlowOrder(FlowOrder::Kind::kEachOnce, frames_.flows()), kLearnSecondsMax);
    phase(options_.rate, FlowOrder(FlowOrder::Kind::kRandom, frames_.flows()),
          options_.warm_seconds);
    std::puts("measuring");
    std::fflush(stdout);
    return phase(options_.rate, FlowOrder(FlowOrder::Kind::kRandom, frames_.flows()),
                 options_.seconds);
  }

 private:
  // Sends for so long, or until the order is through, then receives what is still on its way.
  Tally phase(double rate, FlowOrder order, double seconds) {
    Tally tally;
    const uint64_t begin = rte_rdtsc();
    Pacer pacer(rate, begin);
    resumed_ = last_turn_ = begin;
    uint64_t now = begin;
    while (now - begin < cycles(seconds) && !order.is_through() && !stop_asked) {
      send(pacer.due(now), order, tally);
      now = receive(tally);
    }
    tally.cycles = now - begin;
    const uint64_t stalled = tally.stalled_cycles;
    const uint64_t end = now + cycles(kSettleSeconds);
    while (now < end)
      now = receive(tally);
    tally.stalled_cycles = stalled;
    return tally;
  }

  void send(uint16_t count, FlowOrder& order, Tally& tally) {
    std::array<rte_mbuf*, kSendBurst> burst;
    tally.due += count;
    if (count == 0) return;
    if (rte_pktmbuf_alloc_bulk(&buffers_, burst.data(), count) != 0) {
      tally.refused += count;
      return;
    }
    const uint64_t stamp = rte_rdtsc();
    for (uint16_t i = 0; i < count; ++i)
      frames_.write(*burst[i], order.next(), stamp);
    const uint16_t taken = rte_eth_tx_burst(kPort, 0, burst.data(), count);
    tally.refused += count - taken;
    rte_pktmbuf_free_bulk(burst.data() + taken, count - taken);
  }

  // Returns the time.
  uint64_t receive(Tally& tally) {
    std::array<rte_mbuf*, kReceiveBurst> burst;
    const uint16_t count = rte_eth_rx_burst(kPort, 0, burst.data(), kReceiveBurst);
    const uint64_t now = rte_rdtsc();
    note_stall(now, tally);
    for (uint16_t i = 0; i < count; ++i)
      judge(*burst[i], now, tally);
    rte_pktmbuf_free_bulk(burst.data(), count);
    return now;
  }

  void judge(const rte_mbuf& mbuf, uint64_t now, Tally& tally) const {
    if (mbuf.pkt_len != uint32_t{kFrameBytes} + options_.overhead_bytes || mbuf.nb_segs != 1) {
      ++tally.strange;
      return;
    }
    ++tally.received;
    const uint64_t age = (now - stamp_of(mbuf)) & kStampMask;
    if (age <= now - resumed_) {
      tally.latency.add(age);
    } else {
      ++tally.untimed;
    }
  }

  void note_stall(uint64_t now, Tally& tally) {
    const uint64_t turn = now - last_turn_;
    last_turn_ = now;
    if (turn <= cycles(kStallSeconds)) return;
    tally.stalled_cycles += turn;
    resumed_ = now;
  }

  static uint64_t cycles(double seconds) {
    return static_cast<uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
  }

  const Options& options_;
  const Frames& frames_;
  rte_mempool& buffers_;
  uint64_t last_turn_ = 0;
  uint64_t resumed_ = 0;  // packets sent before were on their way while the generator stood still
};

// Errors: nullptr when the port does not start or nobody connects to it.
rte_mempool* open_port() {
  rte_mempool* const buffers = rte_pktmbuf_pool_create("load", kBuffers, kBufferCache, 0,
                                                       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (buffers == nullptr || !rte_eth_dev_is_valid_port(kPort)) return nullptr;
  const rte_eth_conf settings{};
  if (rte_eth_dev_configure(kPort, 1, 1, &settings) != 0 ||
      rte_eth_rx_queue_setup(kPort, 0, kDescriptors, 0, nullptr, buffers) != 0 ||
      rte_eth_tx_queue_setup(kPort, 0, kDescriptors, 0, nullptr) != 0 ||
      rte_eth_dev_start(kPort) != 0) {
    return nullptr;
  }
  constexpr unsigned kPollMs = 10;
  rte_eth_link link{};
  for (double waited = 0; waited < kLinkPatienceSeconds; waited += kPollMs / 1e3) {
    rte_eth_link_get_nowait(kPort, &link);
    if (link.link_status == RTE_ETH_LINK_UP) return buffers;
    rte_delay_us_sleep(kPollMs * 1000);
  }
  return nullptr;
}

void print(const Tally& tally) {
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  const auto ns = [&](double share) {
    return static_cast<double>(tally.latency.percentile(share)) / hz * 1e9;
  };
  std::printf(
      "{\"due\": %lu, \"refused\": %lu, \"received\": %lu, \"lost\": %ld, \"strange\": %lu, "
      "\"untimed\": %lu, \"stalled_seconds\": %.6f, \"seconds\": %.6f, "
      "\"p50_ns\": %.0f, \"p99_ns\": %.0f, \"p999_ns\": %.0f, \"max_ns\": %.0f}\n",
      tally.due, tally.refused, tally.received, static_cast<long>(tally.due - tally.received),
      tally.strange, tally.untimed, static_cast<double>(tally.stalled_cycles) / hz,
      static_cast<double>(tally.cycles) / hz, ns(0.50), ns(0.99), ns(0.999), ns(1.0));
}

int measure(const Options& options, std::vector<char*> eal) {
  in_addr service{};
  if (inet_pton(AF_INET, options.service.c_str(), &service) != 1) {
    std::fprintf(stderr, "load_generator: --service %s: no IPv4 address\n",
                 options.service.c_str());
    return 3;
  }
  if (rte_eal_init(static_cast<int>(eal.size()), eal.data()) < 0) {
    std::fprintf(stderr, "load_generator: EAL does not start\n");
    return 1;
  }
  for (const int signal : {SIGTERM, SIGINT})
    std::signal(signal, [](int) { stop_asked = true; });
  rte_mempool* const buffers = open_port();
  if (buffers == nullptr) {
    std::fprintf(stderr, "load_generator: port 0 does not start, or nobody connects to it\n");
    return 1;
  }
  const Frames frames(options, service.s_addr);
  print(Generator(options, frames, *buffers).run());
  rte_eth_dev_stop(kPort);
  rte_eth_dev_close(kPort);
  rte_eal_cleanup();
  return 0;
}

}  // namespace
}  // namespace sluice::bench

// EAL's arguments stand before "--", the generator's own behind it.
int main(int count, char** arguments) {
  char** const end = arguments + count;
  char** const divider =
      std::find_if(arguments, end, [](const char* text) { return std::string_view(text) == "--"; });
  CLI::App app("Sends flows at a fixed rate through port 0 and times what comes back.",
               "load_generator EAL-OPTION… --");
  sluice::bench::Options options;
  sluice::bench::declare(app, options);
  const std::vector<char*> own(divider == end ? arguments : divider, end);
  try {
    app.parse(static_cast<int>(own.size()), own.data());
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 3;
  }
  return sluice::bench::measure(options, std::vector<char*>(arguments, divider));
}
