// SPDX-License-Identifier: Apache-2.0
//
// How long a quiet flow is remembered, by what its client last showed.
#pragma once

#include <chrono>

namespace sluice::dataplane {

struct FlowTimeouts {
  std::chrono::milliseconds tcp_idle{900'000};  // a service's own takes precedence
  std::chrono::milliseconds tcp_closing{10'000};
  std::chrono::milliseconds tcp_opening{10'000};
  std::chrono::milliseconds udp_idle{60'000};
};

}  // namespace sluice::dataplane
