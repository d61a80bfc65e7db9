// SPDX-License-Identifier: Apache-2.0
//
// rtnetlink by libnl: a socket for requests and one for the kernel's own messages.
#include "dataplane/port/kernel_neighbors.h"

#include <fmt/format.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <algorithm>
#include <array>

namespace sluice::dataplane {
namespace {

constexpr uint16_t kUsable =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
// Room for the messages of a few thousand neighbours that change at once.
constexpr int kEventBufferBytes = 4 << 20;

struct MessageCloser {
  void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using Message = std::unique_ptr<nl_msg, MessageCloser>;

uint8_t family_of(const IpAddress& address) {
  return address.is_ipv4() ? AF_INET : AF_INET6;
}

std::optional<IpAddress> address_of(const nlattr* attribute) {
  if (attribute == nullptr) return std::nullopt;
  return IpAddress::from_bytes(std::span(static_cast<const uint8_t*>(nla_data(attribute)),
                                         static_cast<size_t>(nla_len(attribute))));
}

void put_address(nl_msg* message, int attribute, const IpAddress& address) {
  nla_put(message, attribute, static_cast<int>(address.bytes().size()), address.bytes().data());
}

// RTA_VIA carries a gateway of the other family, behind two bytes that name it.
std::optional<IpAddress> gateway_of(const nlattr* gateway, const nlattr* via) {
  if (gateway != nullptr) return address_of(gateway);
  constexpr int kFamilyBytes = 2;
  if (via == nullptr || nla_len(via) <= kFamilyBytes) return std::nullopt;
  return IpAddress::from_bytes(std::span(static_cast<const uint8_t*>(nla_data(via)) + kFamilyBytes,
                                         static_cast<size_t>(nla_len(via) - kFamilyBytes)));
}

// The first of a multipath route's hops that leads over one of our interfaces.
std::optional<KernelRoute> choose_path(const nlattr* paths, const std::set<int>& interfaces,
                                       const IpAddress& destination) {
  auto* hop = static_cast<rtnexthop*>(nla_data(paths));
  int left = nla_len(paths);
  for (; left >= static_cast<int>(sizeof(*hop)) && RTNH_OK(hop, left);
       left -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len)), hop = RTNH_NEXT(hop)) {
    if (!interfaces.contains(hop->rtnh_ifindex)) continue;
    std::array<nlattr*, RTA_MAX + 1> attributes{};
    nla_parse(attributes.data(), RTA_MAX, reinterpret_cast<nlattr*>(RTNH_DATA(hop)),
              hop->rtnh_len - static_cast<int>(sizeof(*hop)), nullptr);
    const auto gateway = gateway_of(attributes[RTA_GATEWAY], attributes[RTA_VIA]);
    return KernelRoute{hop->rtnh_ifindex, gateway.value_or(destination)};
  }
  return std::nullopt;
}

struct RouteAnswer {
  const std::set<int>& interfaces;
  const IpAddress& destination;
  std::optional<KernelRoute> route;
};

int read_route(nl_msg* message, void* argument) {
  auto& answer = *static_cast<RouteAnswer*>(argument);
  nlmsghdr* header = nlmsg_hdr(message);
  std::array<nlattr*, RTA_MAX + 1> attributes{};
  if (nlmsg_parse(header, sizeof(rtmsg), attributes.data(), RTA_MAX, nullptr) != 0) return NL_OK;
  if (static_cast<const rtmsg*>(nlmsg_data(header))->rtm_type != RTN_UNICAST) return NL_OK;
  if (attributes[RTA_MULTIPATH] != nullptr) {
    answer.route = choose_path(attributes[RTA_MULTIPATH], answer.interfaces, answer.destination);
    return NL_OK;
  }
  if (attributes[RTA_OIF] == nullptr) return NL_OK;
  const auto index = static_cast<int>(nla_get_u32(attributes[RTA_OIF]));
  if (!answer.interfaces.contains(index)) return NL_OK;
  const auto gateway = gateway_of(attributes[RTA_GATEWAY], attributes[RTA_VIA]);
  answer.route = KernelRoute{index, gateway.value_or(answer.destination)};
  return NL_OK;
}

absl::Status failure(std::string_view doing, int error) {
  return absl::InternalError(fmt::format("netlink: {}: {}", doing, nl_geterror(error)));
}

}  // namespace

void NetlinkCloser::operator()(nl_sock* socket) const {
  nl_socket_free(socket);
}

absl::StatusOr<std::unique_ptr<KernelNeighbors>> KernelNeighbors::open(
    std::set<int> interface_indexes) {
  std::unique_ptr<KernelNeighbors> made(new KernelNeighbors(std::move(interface_indexes)));
  if (const absl::Status status = made->connect(); !status.ok()) return status;
  if (const absl::Status status = made->read_all(); !status.ok()) return status;
  return made;
}

absl::Status KernelNeighbors::connect() {
  queries_.reset(nl_socket_alloc());
  requests_.reset(nl_socket_alloc());
  events_.reset(nl_socket_alloc());
  nl_socket_disable_auto_ack(queries_.get());
  nl_socket_disable_seq_check(events_.get());
  for (nl_sock* socket : {queries_.get(), requests_.get(), events_.get()}) {
    if (const int error = nl_connect(socket, NETLINK_ROUTE); error < 0) {
      return failure("cannot connect", error);
    }
  }
  const auto on_event = [](nl_msg* message, void* self) -> int {
    static_cast<KernelNeighbors*>(self)->take(nlmsg_hdr(message));
    return NL_OK;
  };
  nl_socket_modify_cb(events_.get(), NL_CB_VALID, NL_CB_CUSTOM, on_event, this);
  nl_socket_set_nonblocking(events_.get());
  nl_socket_set_buffer_size(events_.get(), kEventBufferBytes, 0);
  const int error = nl_socket_add_memberships(events_.get(), RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE,
                                              RTNLGRP_IPV6_ROUTE, RTNLGRP_LINK, RTNLGRP_NONE);
  return error < 0 ? failure("cannot follow changes", error) : absl::OkStatus();
}

absl::Status KernelNeighbors::read_all() {
  entries_.clear();
  pending_ = {.neighbors = true, .routes = true};
  const auto on_entry = [](nl_msg* message, void* self) -> int {
    static_cast<KernelNeighbors*>(self)->take_neighbor(nlmsg_hdr(message));
    return NL_OK;
  };
  NetlinkSocket dump(nl_socket_alloc());
  nl_socket_modify_cb(dump.get(), NL_CB_VALID, NL_CB_CUSTOM, on_entry, this);
  int error = nl_connect(dump.get(), NETLINK_ROUTE);
  const ndmsg all{};
  Message request(nlmsg_alloc_simple(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP));
  nlmsg_append(request.get(), const_cast<ndmsg*>(&all), sizeof(all), NLMSG_ALIGNTO);
  if (error >= 0) error = nl_send_auto(dump.get(), request.get());
  if (error >= 0) error = nl_recvmsgs_default(dump.get());
  return error < 0 ? failure("cannot read neighbours", error) : absl::OkStatus();
}

void KernelNeighbors::take(nlmsghdr* message) {
  switch (message->nlmsg_type) {
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return take_neighbor(message);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
    case RTM_NEWLINK:
    case RTM_DELLINK:
      pending_.routes = true;
      return;
    default:
      return;
  }
}

void KernelNeighbors::take_neighbor(nlmsghdr* message) {
  std::array<nlattr*, NDA_MAX + 1> attributes{};
  if (nlmsg_parse(message, sizeof(ndmsg), attributes.data(), NDA_MAX, nullptr) != 0) return;
  const auto* neighbor = static_cast<const ndmsg*>(nlmsg_data(message));
  const auto address = address_of(attributes[NDA_DST]);
  if (!address || !interfaces_.contains(neighbor->ndm_ifindex)) return;

  const std::pair key(neighbor->ndm_ifindex, *address);
  const nlattr* mac = attributes[NDA_LLADDR];
  pending_.neighbors = true;
  if (message->nlmsg_type == RTM_DELNEIGH || (neighbor->ndm_state & kUsable) == 0 ||
      mac == nullptr || nla_len(mac) != sizeof(MacAddress)) {
    entries_.erase(key);
    return;
  }
  Entry entry{.is_permanent = (neighbor->ndm_state & (NUD_PERMANENT | NUD_NOARP)) != 0};
  std::copy_n(static_cast<const uint8_t*>(nla_data(mac)), entry.mac.size(), entry.mac.begin());
  entries_[key] = entry;
}

std::optional<KernelRoute> KernelNeighbors::route(const IpAddress& destination) const {
  if (auto chosen = ask_route(destination, 0)) return chosen;
  for (const int index : interfaces_) {
    if (auto chosen = ask_route(destination, index)) return chosen;
  }
  return std::nullopt;
}

std::optional<KernelRoute> KernelNeighbors::ask_route(const IpAddress& destination,
                                                      int interface_index) const {
  // The entry itself is asked for: without RTM_F_FIB_MATCH the kernel takes what it has no route
  // for as on-link.
  rtmsg wanted{.rtm_family = family_of(destination),
               .rtm_dst_len = destination.bit_count(),
               .rtm_flags = RTM_F_FIB_MATCH};
  Message request(nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST));
  nlmsg_append(request.get(), &wanted, sizeof(wanted), NLMSG_ALIGNTO);
  put_address(request.get(), RTA_DST, destination);
  if (interface_index != 0) {
    nla_put_u32(request.get(), RTA_OIF, static_cast<uint32_t>(interface_index));
  }
  RouteAnswer answer{.interfaces = interfaces_, .destination = destination, .route = {}};
  nl_socket_modify_cb(queries_.get(), NL_CB_VALID, NL_CB_CUSTOM, read_route, &answer);
  // An error means that there is no route.
  if (nl_send_auto(queries_.get(), request.get()) < 0) return std::nullopt;
  if (nl_recvmsgs_default(queries_.get()) < 0) return std::nullopt;
  if (answer.route && interface_index != 0 && answer.route->interface_index != interface_index) {
    return std::nullopt;
  }
  return answer.route;
}

std::optional<MacAddress> KernelNeighbors::mac(int interface_index,
                                               const IpAddress& neighbor) const {
  const auto found = entries_.find({interface_index, neighbor});
  return found == entries_.end() ? std::nullopt : std::optional(found->second.mac);
}

int KernelNeighbors::ask_neighbor(int interface_index, const IpAddress& neighbor, uint8_t flags,
                                  uint32_t extended_flags) {
  ndmsg wanted{.ndm_family = family_of(neighbor),
               .ndm_ifindex = interface_index,
               .ndm_state = NUD_NONE,
               .ndm_flags = flags};
  Message request(nlmsg_alloc_simple(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE));
  nlmsg_append(request.get(), &wanted, sizeof(wanted), NLMSG_ALIGNTO);
  put_address(request.get(), NDA_DST, neighbor);
  if (extended_flags != 0) nla_put_u32(request.get(), NDA_FLAGS_EXT, extended_flags);
  return nl_send_sync(requests_.get(), request.release());
}

void KernelNeighbors::resolve(int interface_index, const IpAddress& neighbor) {
  const auto known = entries_.find({interface_index, neighbor});
  if (known != entries_.end() && known->second.is_permanent) return;
  if (kernel_manages_) {
    const int error = ask_neighbor(interface_index, neighbor, 0, NTF_EXT_MANAGED);
    if (error != -NLE_INVAL && error != -NLE_OPNOTSUPP) return;
    kernel_manages_ = false;
  }
  ask_neighbor(interface_index, neighbor, NTF_USE, 0);
}

void KernelNeighbors::release(int interface_index, const IpAddress& neighbor) {
  const auto known = entries_.find({interface_index, neighbor});
  if (known != entries_.end() && known->second.is_permanent) return;
  ask_neighbor(interface_index, neighbor, NTF_USE, 0);
}

KernelNeighbors::Changes KernelNeighbors::poll() {
  int error = 0;
  while ((error = nl_recvmsgs_default(events_.get())) >= 0) {
  }
  // Told more than the buffer holds, so the tables are read anew. A failure of that leaves them
  // empty until the next.
  if (error == -NLE_NOMEM) read_all().IgnoreError();
  return std::exchange(pending_, {});
}

}  // namespace sluice::dataplane
