// SPDX-License-Identifier: Apache-2.0
//
// The methods that tell where flows go.
#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "dataplane/daemon/dataplane_service.h"
#include "dataplane/daemon/flow_matcher.h"
#include "dataplane/table/explain.h"
#include "fmt/format.h"

namespace sluice::dataplane {
namespace {

constexpr uint32_t kLimitDefault = 100;
constexpr uint32_t kLimitMax = 10'000;
constexpr uint32_t kPageSize = 1024;            // flows that are asked of an lcore at once
constexpr uint64_t kFlowsPerCallMax = 1 << 20;  // looked at by one call, whether they match or not

// Where a listing goes on: the runtime's cursor, and how many flows behind it were given already.
struct Place {
  uint64_t cursor = 0;
  uint32_t skip = 0;
};

std::optional<Place> parse_place(const std::string& token) {
  Place place;
  if (token.empty()) return place;
  const char* end = token.data() + token.size();
  const auto cursor = std::from_chars(token.data(), end, place.cursor);
  if (cursor.ec != std::errc() || cursor.ptr == end || *cursor.ptr != '.') return std::nullopt;
  const auto skip = std::from_chars(cursor.ptr + 1, end, place.skip);
  if (skip.ec != std::errc() || skip.ptr != end || place.skip > kPageSize) return std::nullopt;
  return place;
}

std::string token_of(const Place& place) {
  return fmt::format("{}.{}", place.cursor, place.skip);
}

v1::FlowRecord live_record(const FlowEvent& event, const NodeParts& parts) {
  return to_record(event, parts.identity, parts.registry);
}

// The 5-tuple of an explain request.
struct AskedFlow {
  IpAddress client;
  IpAddress service;
  const v1::ExplainRequest& request;

  bool is(const FlowEvent& event) const {
    const size_t count = event.family == Family::kIpv4 ? 4 : 16;
    return event.protocol == request.protocol() && event.client_port == request.client_port() &&
           event.service_port == request.service_port() && event.family == client.family() &&
           std::equal(client.bytes().begin(), client.bytes().end(), event.client.begin()) &&
           std::equal(service.bytes().begin(), service.bytes().end(), event.service.begin()) &&
           client.bytes().size() == count;
  }
};

}  // namespace

absl::Status DataplaneService::list_flows(const v1::ListFlowsRequest& request,
                                          v1::ListFlowsResponse& response) {
  if (request.limit() > kLimitMax) {
    return absl::InvalidArgumentError(
        fmt::format("limit: {} is out of range; must be 1..{}", request.limit(), kLimitMax));
  }
  const absl::StatusOr<FlowMatcher> matcher = FlowMatcher::make(request.filter());
  if (!matcher.ok()) return matcher.status();
  std::optional<Place> place = parse_place(request.page_token());
  if (!place) return absl::InvalidArgumentError("page_token: is none that this node gave");

  const int limit = static_cast<int>(request.limit() == 0 ? kLimitDefault : request.limit());
  for (uint64_t seen = 0; seen < kFlowsPerCallMax; seen += kPageSize) {
    const absl::StatusOr<FlowPage> page = parts_.cores.list_flows(place->cursor, kPageSize);
    if (!page.ok()) return page.status();
    for (; place->skip < page->flows.size(); ++place->skip) {
      if (response.flows_size() == limit) break;
      const FlowEvent& event = page->flows[place->skip];
      if (!matcher->matches(event)) continue;
      v1::FlowRecord record = live_record(event, parts_);
      if (matcher->matches(record)) *response.add_flows() = std::move(record);
    }
    if (place->skip >= page->flows.size()) {
      if (page->next_cursor == 0) return absl::OkStatus();
      place = Place{.cursor = page->next_cursor};
    }
    if (response.flows_size() == limit) break;
  }
  response.set_next_page_token(token_of(*place));
  return absl::OkStatus();
}

grpc::Status DataplaneService::ListFlows(grpc::ServerContext*, const v1::ListFlowsRequest* request,
                                         v1::ListFlowsResponse* response) {
  return to_reply(list_flows(*request, *response));
}

absl::Status DataplaneService::explain_flow(const v1::ExplainRequest& request,
                                            v1::ExplainResponse& response) {
  const std::shared_ptr<const RunningState> state = parts_.forwarding.state();
  if (state->snapshot == nullptr) {
    return absl::FailedPreconditionError("the node has no forwarding table yet");
  }
  if (absl::Status explained = explain(*state->snapshot, request, response); !explained.ok()) {
    return explained;
  }
  response.set_node(parts_.identity.node);
  find_live_flow(request, response);
  return absl::OkStatus();
}

void DataplaneService::find_live_flow(const v1::ExplainRequest& request,
                                      v1::ExplainResponse& response) {
  const auto client = IpAddress::parse(request.client_address());
  const auto service = IpAddress::parse(request.service_address());
  if (!client || !service) return;
  const AskedFlow asked{*client, *service, request};
  uint64_t cursor = 0;
  for (uint64_t seen = 0; seen < kFlowsPerCallMax; seen += kPageSize) {
    const absl::StatusOr<FlowPage> page = parts_.cores.list_flows(cursor, kPageSize);
    if (!page.ok()) {
      response.add_reasons(
          "Whether this flow is live is not known: " + std::string(page.status().message()) + ".");
      return;
    }
    const auto found = std::find_if(page->flows.begin(), page->flows.end(),
                                    [&](const FlowEvent& event) { return asked.is(event); });
    if (found != page->flows.end()) {
      *response.mutable_flow() = live_record(*found, parts_);
      return;
    }
    cursor = page->next_cursor;
    if (cursor == 0) return;
  }
  response.add_reasons(fmt::format(
      "Whether this flow is live is not known: it is not among the first {}.", kFlowsPerCallMax));
}

grpc::Status DataplaneService::Explain(grpc::ServerContext*, const v1::ExplainRequest* request,
                                       v1::ExplainResponse* response) {
  return to_reply(explain_flow(*request, *response));
}

}  // namespace sluice::dataplane
