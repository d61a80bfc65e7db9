// SPDX-License-Identifier: Apache-2.0
//
// The kernel's neighbours and routes on the ports' interfaces, followed by netlink.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/port/next_hop.h"

struct nl_sock;
struct nlmsghdr;

namespace sluice::dataplane {

struct NetlinkCloser {
  void operator()(nl_sock* socket) const;
};
using NetlinkSocket = std::unique_ptr<nl_sock, NetlinkCloser>;

// Thread: control.
class KernelNeighbors final : public KernelView {
 public:
  struct Changes {
    bool neighbors = false;
    bool routes = false;
  };

  // Reads the present tables, then follows changes.
  static absl::StatusOr<std::unique_ptr<KernelNeighbors>> open(std::set<int> interface_indexes);

  // Asks the kernel, first for its own choice, then for each of our interfaces in turn.
  std::optional<KernelRoute> route(const IpAddress& destination) const override;
  std::optional<MacAddress> mac(int interface_index, const IpAddress& neighbor) const override;

  // Has the kernel find this neighbour and keep it resolved.
  void resolve(int interface_index, const IpAddress& neighbor);
  // Leaves the neighbour to the kernel's ordinary care.
  void release(int interface_index, const IpAddress& neighbor);
  // Takes what the kernel has told since the last call; never waits.
  Changes poll();

 private:
  struct Entry {
    MacAddress mac{};
    bool is_permanent = false;
  };
  explicit KernelNeighbors(std::set<int> interface_indexes)
      : interfaces_(std::move(interface_indexes)) {}
  absl::Status connect();
  absl::Status read_all();
  void take(nlmsghdr* message);
  void take_neighbor(nlmsghdr* message);
  int ask_neighbor(int interface_index, const IpAddress& neighbor, uint8_t flags,
                   uint32_t extended_flags);
  std::optional<KernelRoute> ask_route(const IpAddress& destination, int interface_index) const;

  std::set<int> interfaces_;
  NetlinkSocket queries_;   // answered by one message
  NetlinkSocket requests_;  // answered by an acknowledgement
  NetlinkSocket events_;
  std::map<std::pair<int, IpAddress>, Entry> entries_;  // with a known MAC only
  Changes pending_;
  bool kernel_manages_ = true;  // until it refuses NTF_EXT_MANAGED
};

}  // namespace sluice::dataplane
