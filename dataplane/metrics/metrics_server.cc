// SPDX-License-Identifier: Apache-2.0
//
// Answers GET /metrics, for both daemons.
#include "dataplane/metrics/metrics_server.h"

#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "prometheus/collectable.h"
#include "prometheus/exposer.h"

namespace sluice {
namespace {

class Page : public prometheus::Collectable {
 public:
  explicit Page(std::function<MetricFamilies()> page) : page_(std::move(page)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    const std::lock_guard lock(mutex_);
    return page_();
  }

 private:
  mutable std::mutex mutex_;
  const std::function<MetricFamilies()> page_;
};

}  // namespace

struct MetricsServer::Parts {
  // The server ends its threads before what they call is gone.
  std::shared_ptr<Page> page;
  std::unique_ptr<prometheus::Exposer> exposer;
};

absl::Status check_http_address(const std::string& address) {
  const size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  uint32_t port = 0;
  const bool has_port = colon != std::string::npos &&
                        absl::SimpleAtoi(address.substr(colon + 1), &port) && port <= 65535;
  const bool has_host = !host.empty() && host.find_first_of(" ,/+") == std::string::npos &&
                        (host.find(':') == std::string::npos || host.front() == '[');
  if (has_port && has_host) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", address, "\" is no address to listen on; HOST:PORT, say 127.0.0.1:9470"));
}

MetricsServer::MetricsServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
MetricsServer::~MetricsServer() = default;

uint16_t MetricsServer::port() const {
  return static_cast<uint16_t>(parts_->exposer->GetListeningPorts().front());
}

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::start(
    const std::string& address, std::function<MetricFamilies()> page) {
  auto parts = std::make_unique<Parts>();
  parts->page = std::make_shared<Page>(std::move(page));
  try {
    parts->exposer = std::make_unique<prometheus::Exposer>(address);
  } catch (const std::exception&) {  // it does not say why
    return absl::FailedPreconditionError(absl::StrCat("http: cannot listen on ", address,
                                                      ": not an address of this host, or in use"));
  }
  parts->exposer->RegisterCollectable(parts->page);
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(parts)));
}

}  // namespace sluice
