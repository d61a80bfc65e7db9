// SPDX-License-Identifier: Apache-2.0
//
// One probe of one backend over a socket that never blocks.
#pragma once

#include <string>

#include "dataplane/daemon/disk.h"
#include "dataplane/daemon/http_answer.h"
#include "dataplane/net/ip_address.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::dataplane {

// From connect to verdict. The caller waits for readiness and for the timeout.
class Probe {
 public:
  // `check` must outlive the probe.
  Probe(const IpAddress& address, const v1::HealthCheck& check);

  const ProbeVerdict& verdict() const { return verdict_; }
  int descriptor() const { return socket_.get(); }
  uint32_t wanted_events() const;  // of epoll
  // Does what can be done without waiting.
  void advance();

 private:
  enum class Step : uint8_t { kConnecting, kSending, kReceiving };

  void begin(const IpAddress& address);
  void finish_connect();
  void send_request();
  void receive_answer();
  void fail(int error);

  const v1::HealthCheck& check_;
  Descriptor socket_;
  Step step_ = Step::kConnecting;
  std::string unsent_;
  std::string received_;
  ProbeVerdict verdict_;
};

}  // namespace sluice::dataplane
