// SPDX-License-Identifier: Apache-2.0
//
// Forbidden pools are compiled out for whom they are forbidden, and for nobody else.
#include "dataplane/table/from_proto.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/unit/planner/compile_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

CompileResult struck(const std::string& more, std::vector<v1::RolloutStatus> rollouts = {}) {
  CompileResult result =
      compile_governed(kResidency + more, std::move(rollouts), {.forbidden = Forbidden::kStrike});
  EXPECT_THAT(to_strings(result.refusals), IsEmpty());
  return result;
}

std::string route(const std::string& rest) {
  return governed_object("Route", "r", "service: s, " + rest);
}

std::vector<std::string> describe(const std::vector<v1::Strike>& strikes) {
  std::vector<std::string> lines;
  for (const v1::Strike& strike : strikes) {
    lines.push_back(strike.service() + " " + strike.client_class() + " " + strike.route() + " " +
                    strike.pool() + " " + strike.guardrail() + ": " + strike.reason());
  }
  return lines;
}

std::vector<std::string> split_of(const v1::RouteEntry& route) {
  std::vector<std::string> parts;
  for (const v1::RouteSplit& part : route.split())
    parts.push_back(part.pool() + " " + std::to_string(part.weight()));
  return parts;
}

TEST(Strike, CompilesForbiddenPoolsOutForTheClassesOnly) {
  const CompileResult result =
      struck(route("split: [{pool: p-eu, weight: 3}, {pool: p-us, weight: 7}], fallback: [p-us, "
                   "trial]"));

  const std::string reason = "label jurisdiction is \"us\", must be \"eu\"";
  EXPECT_THAT(describe(result.struck), ElementsAre("s eu r p-us residency: " + reason,
                                                   "s eu+acme r p-us residency: " + reason));
  EXPECT_EQ(steering_of(*result.table, "eu").route(), "r/without/p-us");
  EXPECT_EQ(steering_of(*result.table, "eu+acme").route(), "r/without/p-us");
  EXPECT_EQ(steering_of(*result.table, "unknown").route(), "r");
  const v1::RouteEntry& left = route_named(*result.table, "r/without/p-us");
  EXPECT_THAT(split_of(left), ElementsAre("p-eu 3"));
  EXPECT_THAT(left.fallback(), ElementsAre("trial"));
  EXPECT_EQ(left.split_seed(), "r");
  EXPECT_THAT(split_of(route_named(*result.table, "r")), ElementsAre("p-eu 3", "p-us 7"));
  dataplane::Registry registry;
  EXPECT_TRUE(dataplane::build_table(*result.table, nullptr, registry).ok());
}

TEST(Strike, LetsAFallbackTakeWhatTheSplitCannotGive) {
  const CompileResult result =
      struck(route("split: [{pool: p-us, weight: 7}], fallback: [p-us, p-eu]"));

  EXPECT_THAT(split_of(route_named(*result.table, "r/without/p-us")), ElementsAre("p-eu 1"));
}

TEST(Strike, RejectsClientsWhenNoPoolIsLeft) {
  const CompileResult result = struck(route("split: [{pool: p-us, weight: 7}]"));

  EXPECT_EQ(steering_of(*result.table, "eu").route(), "");
  EXPECT_EQ(steering_of(*result.table, "unknown").route(), "r");
  EXPECT_THAT(
      to_strings(result.warnings),
      ElementsAre("p.yaml:8: Route/r: every pool is struck for clients of class eu of service s: "
                  "they are rejected",
                  "p.yaml:8: Route/r: every pool is struck for clients of class eu+acme of service "
                  "s: they are rejected",
                  "p.yaml:1: Service/s: guardrails allow clients of class eu, eu+acme no pool that "
                  "its routes name"));
}

TEST(Strike, TakesRolloutsToForbiddenPoolsBack) {
  const CompileResult result =
      struck(route("split: [{pool: p-eu, weight: 1}]") +
                 governed_object("Rollout", "x",
                                 "route: r, stable: p-eu, candidate: p-us, steps: [{weight: 5}]"),
             {rollout_status("x", v1::ROLLOUT_PHASE_PROGRESSING, 5)});

  EXPECT_EQ(route_named(*result.table, "r").rollouts_size(), 1);
  EXPECT_EQ(route_named(*result.table, "r/without/p-us").rollouts_size(), 0);
}

TEST(Strike, CompilesCappedPoolsOut) {
  const CompileResult result =
      struck(governed_object("Guardrail", "trials",
                             "caps: [{pools: {match_labels: {approval: trial}}, max_share: 5}]") +
             route("split: [{pool: p-eu, weight: 1}, {pool: trial, weight: 1}]"));

  EXPECT_EQ(steering_of(*result.table, "unknown").route(), "r/without/trial");
  EXPECT_THAT(split_of(route_named(*result.table, "r/without/trial")), ElementsAre("p-eu 1"));
  ASSERT_EQ(result.struck.size(), 3u);
  EXPECT_EQ(result.struck[0].reason(), "pool trial gets 500000 of 1000000, at most 5 is allowed");
}

TEST(Strike, CompilesPoolsOutThatExceedTheirCapsInTheRest) {
  const CompileResult result = struck(
      governed_object("Guardrail", "trials",
                      "caps: [{pools: {match_labels: {approval: trial}}, max_share: 50000}]") +
      route("split: [{pool: p-eu, weight: 5}, {pool: trial, weight: 5}, {pool: p-us, "
            "weight: 90}]"));

  EXPECT_EQ(steering_of(*result.table, "eu").route(), "r/without/p-us+trial");
  EXPECT_THAT(split_of(route_named(*result.table, "r/without/p-us+trial")), ElementsAre("p-eu 5"));
  EXPECT_EQ(steering_of(*result.table, "unknown").route(), "r");
  EXPECT_THAT(describe(result.struck),
              ElementsAre("s eu r p-us residency: label jurisdiction is \"us\", must be \"eu\"",
                          "s eu r trial trials: pool trial gets 500000 of 1000000, at most 50000 "
                          "is allowed",
                          "s eu+acme r p-us residency: label jurisdiction is \"us\", must be "
                          "\"eu\"",
                          "s eu+acme r trial trials: pool trial gets 500000 of 1000000, at most "
                          "50000 is allowed"));
}

TEST(Strike, CompilesCandidatesOutWhoseStepsExceedTheirCapsInTheRest) {
  const CompileResult result = struck(
      governed_object("Guardrail", "trials",
                      "caps: [{pools: {match_labels: {approval: trial}}, max_share: 50000}]") +
      route("split: [{pool: p-eu, weight: 1}, {pool: p-us, weight: 9}]") +
      governed_object("Rollout", "x",
                      "route: r, stable: p-eu, candidate: trial, steps: [{weight: 400000}]"));

  EXPECT_EQ(steering_of(*result.table, "eu").route(), "r/without/p-us+trial");
  EXPECT_EQ(route_named(*result.table, "r/without/p-us+trial").rollouts_size(), 0);
}

TEST(Strike, ChangesNothingWhereNothingIsForbidden) {
  const std::string good = route("split: [{pool: p-eu, weight: 1}]");

  const CompileResult result = struck(good);

  EXPECT_THAT(result.struck, IsEmpty());
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
      *result.table, *compile_governed(kResidency + good).table));
}

}  // namespace
}  // namespace sluice::controlplane
