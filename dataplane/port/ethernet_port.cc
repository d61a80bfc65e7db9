// SPDX-License-Identifier: Apache-2.0
//
// Brings an ethdev up in DPDK's order: facts, configure, queues, MTU, start. The first refusal is
// the error.
#include "dataplane/port/ethernet_port.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "dataplane/port/dpdk_log.h"

namespace sluice::dataplane {
namespace {

// A full burst of every stage in flight and room for the kernel's side to run ahead while a worker
// sleeps.
constexpr uint16_t kDescriptors = 1024;
constexpr uint32_t kMempoolCache = 256;
constexpr uint32_t kLinkOverhead = RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;
constexpr uint64_t kHashFields = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP;

std::string label(const PortConfig& config) {
  return fmt::format("port {} ({})", config.id, config.name);
}

absl::Status refusal(const PortConfig& config, std::string_view doing, int error,
                     const std::string& complaint) {
  const std::string text =
      fmt::format("{}: {} fails: {}{}{}", label(config), doing, rte_strerror(-error),
                  complaint.empty() ? "" : "; ", complaint);
  // The drivers' error numbers do not tell a missing capability from anything else.
  if (geteuid() != 0)
    return absl::PermissionDeniedError(text + "; this process is not root: run it as root");
  return absl::FailedPreconditionError(text);
}

absl::StatusOr<rte_eth_dev_info> describe(const PortConfig& config) {
  rte_eth_dev_info facts{};
  if (!rte_eth_dev_is_valid_port(config.id) || rte_eth_dev_info_get(config.id, &facts) != 0) {
    return absl::InvalidArgumentError(
        fmt::format("{}: eal: makes no port {}, only {} in all: add a --vdev or a device",
                    label(config), config.id, rte_eth_dev_count_avail()));
  }
  return facts;
}

bool reaches_kernel(std::string_view driver) {
  return driver == "net_af_xdp" || driver == "net_af_packet";
}

absl::Status check(const PortConfig& config, const rte_eth_dev_info& facts, uint16_t queues,
                   const std::optional<KernelInterface>& interface) {
  if (config.punt == PuntMode::kKernel && !reaches_kernel(facts.driver_name)) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: punt: kernel needs net_af_xdp or net_af_packet, this is {}; set punt: none",
        label(config), facts.driver_name));
  }
  if (queues > facts.max_rx_queues || queues > facts.max_tx_queues) {
    return absl::FailedPreconditionError(fmt::format(
        "{}: {} workers need {} queue pairs, {} has {} rx and {} tx: use fewer lcores or give the "
        "device more queues",
        label(config), queues, queues, facts.driver_name, facts.max_rx_queues,
        facts.max_tx_queues));
  }
  if (interface && interface->mtu < config.mtu) {
    return absl::FailedPreconditionError(
        fmt::format("{0}: mtu {1} is more than the {2} of interface {3}: run `ip link set {3} mtu "
                    "{1}` or lower mtu:",
                    label(config), config.mtu, interface->mtu, interface->name));
  }
  return absl::OkStatus();
}

absl::StatusOr<rte_mempool*> make_buffers(const PortConfig& config, uint32_t count) {
  const uint32_t room = RTE_PKTMBUF_HEADROOM +
                        std::max<uint32_t>(RTE_MBUF_DEFAULT_DATAROOM, config.mtu + kLinkOverhead);
  const int socket = rte_eth_dev_socket_id(config.id);
  const std::string name = fmt::format("sluice-port-{}", config.id);
  rte_mempool* pool = rte_pktmbuf_pool_create(name.c_str(), count, kMempoolCache, 0,
                                              static_cast<uint16_t>(room), socket);
  if (pool == nullptr) {
    return absl::ResourceExhaustedError(
        fmt::format("{}: {} buffers do not fit in DPDK's memory ({}): give eal: a larger -m, add "
                    "hugepages or lower buffers:",
                    label(config), count, rte_strerror(rte_errno)));
  }
  return pool;
}

rte_eth_conf settings(const rte_eth_dev_info& facts, uint16_t queues) {
  rte_eth_conf wanted{};
  const uint64_t fields = kHashFields & facts.flow_type_rss_offloads;
  if (queues > 1 && fields != 0) {
    wanted.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    wanted.rx_adv_conf.rss_conf.rss_hf = fields;
  }
  wanted.txmode.offloads = facts.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  return wanted;
}

int set_up_queues(uint16_t port, uint16_t queues, rte_mempool* buffers) {
  uint16_t rx = kDescriptors, tx = kDescriptors;
  int error = rte_eth_dev_adjust_nb_rx_tx_desc(port, &rx, &tx);
  const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(port));
  for (uint16_t i = 0; i < queues && error == 0; i++) {
    error = rte_eth_rx_queue_setup(port, i, rx, socket, nullptr, buffers);
    if (error == 0) error = rte_eth_tx_queue_setup(port, i, tx, socket, nullptr);
  }
  return error;
}

// The kernel's side keeps the MTU that its owner gave it; a device without one is told, if it can
// be.
absl::Status set_mtu(const PortConfig& config, const std::optional<KernelInterface>& interface,
                     const DpdkLogCapture& log) {
  uint16_t current = 0;
  if (interface || (rte_eth_dev_get_mtu(config.id, &current) == 0 && current == config.mtu)) {
    return absl::OkStatus();
  }
  const int error = rte_eth_dev_set_mtu(config.id, config.mtu);
  if (error == 0 || error == -ENOTSUP) return absl::OkStatus();
  return refusal(config, fmt::format("setting mtu {}", config.mtu), error, log.complaint());
}

}  // namespace

std::string device_name(uint16_t port) {
  char name[RTE_ETH_NAME_MAX_LEN] = "";
  const bool exists = rte_eth_dev_is_valid_port(port) != 0;
  return exists && rte_eth_dev_get_name_by_port(port, name) == 0 ? name : "";
}

absl::StatusOr<EthernetPort> EthernetPort::start(const PortConfig& config, uint16_t queues,
                                                 uint32_t buffers,
                                                 const std::optional<KernelInterface>& interface) {
  const auto facts = describe(config);
  if (!facts.ok()) return facts.status();
  if (const auto checked = check(config, *facts, queues, interface); !checked.ok()) return checked;
  const auto pool = make_buffers(config, buffers);
  if (!pool.ok()) return pool.status();

  const DpdkLogCapture log;
  EthernetPort port(config, queues);
  port.buffers_ = *pool;
  port.driver_ = facts->driver_name;
  port.single_segment_tx_ = (facts->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) == 0;
  const rte_eth_conf wanted = settings(*facts, queues);
  if (const int error = rte_eth_dev_configure(config.id, queues, queues, &wanted); error != 0) {
    return refusal(config, "configuring", error, log.complaint());
  }
  if (const int error = set_up_queues(config.id, queues, *pool); error != 0) {
    return refusal(config, "setting up queues", error, log.complaint());
  }
  if (const auto status = set_mtu(config, interface, log); !status.ok()) return status;
  if (const int error = rte_eth_dev_start(config.id); error != 0) {
    return refusal(config, "starting", error, log.complaint());
  }
  // Behind a kernel interface its own filter decides; a bare virtual device has nobody else's
  // frames to fear.
  if (!interface) rte_eth_promiscuous_enable(config.id);
  rte_ether_addr mac{};
  rte_eth_macaddr_get(config.id, &mac);
  std::ranges::copy(mac.addr_bytes, port.mac_.begin());
  return port;
}

EthernetPort::EthernetPort(EthernetPort&& other) noexcept
    : config_(std::move(other.config_)),
      queues_(other.queues_),
      driver_(std::move(other.driver_)),
      mac_(other.mac_),
      single_segment_tx_(other.single_segment_tx_),
      owned_(std::exchange(other.owned_, false)),
      buffers_(other.buffers_) {}

EthernetPort::~EthernetPort() {
  if (!owned_) return;
  rte_eth_dev_stop(config_.id);
  rte_eth_dev_close(config_.id);
  rte_mempool_free(buffers_);
}

RuntimePort EthernetPort::runtime_port() const {
  return {.id = config_.id, .queues = queues_, .single_segment_tx = single_segment_tx_};
}

PortState EthernetPort::state() const {
  rte_eth_link link{};
  rte_eth_link_get_nowait(config_.id, &link);
  return {.name = config_.name,
          .id = config_.id,
          .driver = driver_,
          .link_up = link.link_status == RTE_ETH_LINK_UP,
          .mtu = config_.mtu,
          .queues = queues_};
}

}  // namespace sluice::dataplane
