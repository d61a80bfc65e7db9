// SPDX-License-Identifier: Apache-2.0
//
// Answers GET /metrics, for both daemons.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/metrics/metric_page.h"

namespace sluice {

// Checks "HOST:PORT", an IPv6 host in brackets.  Errors: INVALID_ARGUMENT, what would be right.
absl::Status check_http_address(const std::string& address);

// Threads of its own answer; the page is made anew for each scrape.
class MetricsServer {
 public:
  // `page` is called from these threads, one scrape at a time, until the server is gone.
  // Shape: `address` as checked; port 0 takes a free one.
  // Errors: FAILED_PRECONDITION (it cannot listen there).
  static absl::StatusOr<std::unique_ptr<MetricsServer>> start(const std::string& address,
                                                              std::function<MetricFamilies()> page);
  ~MetricsServer();

  uint16_t port() const;

 private:
  struct Parts;
  explicit MetricsServer(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;  // keeps the web server's headers out of here
};

}  // namespace sluice
