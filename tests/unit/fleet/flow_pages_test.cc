// SPDX-License-Identifier: Apache-2.0
//
// Flows of several nodes in pages: none twice, none left out.
#include "controlplane/fleet/flow_pages.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "gmock/gmock.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;

// A node with `count` flows; its token is the number of those that were listed.
FlowSource source(const std::string& node, uint64_t count) {
  return {node, [node, count](const v1::ListFlowsRequest& request) {
            v1::ListFlowsResponse response;
            uint64_t next = request.page_token().empty() ? 0 : std::stoull(request.page_token());
            const uint64_t end = std::min<uint64_t>(count, next + request.limit());
            for (; next < end; ++next) {
              v1::FlowRecord& flow = *response.add_flows();
              flow.set_node(node);
              flow.set_flow_id(next + 1);
            }
            if (end < count) response.set_next_page_token(std::to_string(end));
            return absl::StatusOr<v1::ListFlowsResponse>(response);
          }};
}

FlowSource absent(const std::string& node) {
  return {node, [](const v1::ListFlowsRequest&) -> absl::StatusOr<v1::ListFlowsResponse> {
            return absl::UnavailableError("gone");
          }};
}

std::vector<std::string> names(const v1::ListFlowsResponse& response) {
  std::vector<std::string> result;
  for (const v1::FlowRecord& flow : response.flows()) {
    result.push_back(flow.node() + std::to_string(flow.flow_id()));
  }
  return result;
}

TEST(FlowPages, PagesCrossNodesWithoutGapOrRepetition) {
  const std::vector<FlowSource> sources = {source("a", 3), source("b", 0), source("c", 4)};
  v1::ListFlowsRequest request;
  request.set_limit(2);

  std::vector<std::vector<std::string>> pages;
  do {
    const auto response = merge_flow_pages(request, sources);
    ASSERT_TRUE(response.ok()) << response.status();
    pages.push_back(names(*response));
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty() && pages.size() < 10);

  EXPECT_THAT(pages, ElementsAre(ElementsAre("a1", "a2"), ElementsAre("a3", "c1"),
                                 ElementsAre("c2", "c3"), ElementsAre("c4")));
}

TEST(FlowPages, NodeThatIsAwayIsLeftOut) {
  const auto response = merge_flow_pages({}, {absent("a"), source("b", 1)});

  ASSERT_TRUE(response.ok());
  EXPECT_THAT(names(*response), ElementsAre("b1"));
}

TEST(FlowPages, NoNodeThatAnswersIsUnavailable) {
  EXPECT_EQ(merge_flow_pages({}, {absent("a")}).status().code(), absl::StatusCode::kUnavailable);
}

TEST(FlowPages, WrongTokenAndLimitAreRefused) {
  v1::ListFlowsRequest token;
  token.set_page_token("nobody/1");
  v1::ListFlowsRequest limit;
  limit.set_limit(10'001);

  for (const v1::ListFlowsRequest& request : {token, limit}) {
    EXPECT_EQ(merge_flow_pages(request, {source("a", 1)}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace sluice::controlplane
