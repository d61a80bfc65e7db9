// SPDX-License-Identifier: Apache-2.0
//
// The policy that results from a change.
#include "controlplane/policy/change.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/policy_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

v1::Policy pools(const std::vector<std::pair<std::string, uint32_t>>& named) {
  v1::Policy policy;
  for (const auto& [name, min_up] : named) {
    v1::Pool& pool = *policy.add_pools();
    pool.mutable_metadata()->set_name(name);
    if (min_up > 0) pool.mutable_spec()->set_min_up(min_up);
  }
  return policy;
}

std::string describe(const v1::Policy& policy) {
  std::string text;
  for (const v1::Pool& pool : policy.pools()) {
    text += pool.metadata().name() + ":" + std::to_string(pool.spec().min_up()) + " ";
  }
  return text;
}

TEST(ApplyChange, ReplacesNamedObjectsWholeAndSorts) {
  Violations violations;

  const ChangedPolicy result = apply_change(
      pools({{"c", 3}, {"a", 1}}), pools({{"c", 0}, {"b", 2}}), Prune::kNo, {}, violations);

  EXPECT_EQ(describe(*result.policy), "a:1 b:2 c:0 ");
  EXPECT_FALSE(result.policy->pools(2).has_spec());
  EXPECT_THAT(result.touched, ElementsAre(Pair("Pool", ElementsAre("b", "c"))));
  EXPECT_THAT(violations, IsEmpty());
}

TEST(ApplyChange, PruneKeepsOnlyTheChange) {
  Violations violations;

  const ChangedPolicy result =
      apply_change(pools({{"a", 1}}), pools({{"b", 2}}), Prune::kYes, {}, violations);

  EXPECT_EQ(describe(*result.policy), "b:2 ");
  EXPECT_THAT(result.touched, ElementsAre(Pair("Pool", ElementsAre("a", "b"))));
}

TEST(ApplyChange, DeletesWhatIsNamed) {
  Violations violations;

  const ChangedPolicy result =
      apply_change(pools({{"a", 1}, {"b", 2}}), {}, Prune::kNo, {"Pool/a"}, violations);

  EXPECT_EQ(describe(*result.policy), "b:2 ");
  EXPECT_THAT(result.touched, ElementsAre(Pair("Pool", ElementsAre("a"))));
  EXPECT_THAT(violations, IsEmpty());
}

TEST(ApplyChange, NamesDeletionsOfNothing) {
  Violations violations;

  const ChangedPolicy result =
      apply_change(pools({{"chat", 1}}), {}, Prune::kNo,
                   {"Pool/chta", "pool/chat", "Pool", "Service/chat"}, violations);

  EXPECT_EQ(describe(*result.policy), "chat:1 ");
  EXPECT_THAT(to_strings(violations),
              ElementsAre("Pool/chta: cannot be deleted: no Pool has this name; did you mean chat?",
                          "\"pool/chat\" cannot be deleted: name it as KIND/NAME with one of the "
                          "kinds ClientClass, "
                          "Pool, Service, Route, Guardrail, Rollout; did you mean Pool?",
                          "\"Pool\" cannot be deleted: name it as KIND/NAME with one of the kinds "
                          "ClientClass, Pool, "
                          "Service, Route, Guardrail, Rollout",
                          "Service/chat: cannot be deleted: no Service has this name"));
}

}  // namespace
}  // namespace sluice::controlplane
