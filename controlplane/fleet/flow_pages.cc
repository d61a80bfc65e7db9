// SPDX-License-Identifier: Apache-2.0
//
// The flows of several nodes as one list in pages.
#include "controlplane/fleet/flow_pages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::controlplane {
namespace {

constexpr uint32_t kLimitDefault = 100;
constexpr uint32_t kLimitMax = 10'000;

// Names have no "/", so the first one ends the node's.
std::string make_token(const std::string& node, const std::string& node_token) {
  return absl::StrCat(node, "/", node_token);
}

struct Start {
  size_t source = 0;
  std::string token;
};

absl::StatusOr<Start> start_of(const std::string& token, const std::vector<FlowSource>& sources) {
  if (token.empty()) return Start{};
  const std::pair<std::string, std::string> parts = absl::StrSplit(token, absl::MaxSplits('/', 1));
  for (size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].node == parts.first) return Start{i, parts.second};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("page_token: node ", parts.first, " does not answer; begin again"));
}

bool is_away(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

absl::StatusOr<v1::ListFlowsResponse> merge_flow_pages(const v1::ListFlowsRequest& request,
                                                       const std::vector<FlowSource>& sources) {
  const uint32_t limit = request.limit() == 0 ? kLimitDefault : request.limit();
  if (limit > kLimitMax) {
    return absl::InvalidArgumentError(absl::StrCat("limit: ", limit, " is over ", kLimitMax));
  }
  absl::StatusOr<Start> start = start_of(request.page_token(), sources);
  if (!start.ok()) return start.status();

  v1::ListFlowsResponse response;
  v1::ListFlowsRequest part = request;
  part.set_page_token(start->token);
  absl::Status failure;
  bool answered = false;
  for (size_t i = start->source; i < sources.size(); ++i) {
    if (static_cast<uint32_t>(response.flows_size()) == limit) {
      response.set_next_page_token(make_token(sources[i].node, ""));
      return response;
    }
    part.set_limit(limit - static_cast<uint32_t>(response.flows_size()));
    const absl::StatusOr<v1::ListFlowsResponse> flows = sources[i].list(part);
    part.clear_page_token();
    if (!flows.ok() && !is_away(flows.status())) return flows.status();
    if (!flows.ok()) {
      failure = flows.status();
      continue;
    }
    answered = true;
    response.MergeFrom(*flows);
    if (!flows->next_page_token().empty()) {
      response.set_next_page_token(make_token(sources[i].node, flows->next_page_token()));
      return response;
    }
    response.clear_next_page_token();
  }
  if (!answered && !failure.ok()) return failure;
  return response;
}

}  // namespace sluice::controlplane
