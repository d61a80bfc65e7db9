// SPDX-License-Identifier: Apache-2.0
//
// Roles: who has which, and what is said to those who lack one.
#include "controlplane/service/caller.h"

#include <gtest/gtest.h>

#include "gmock/gmock.h"

namespace sluice::controlplane {
namespace {

using ::testing::HasSubstr;

constexpr uid_t kNameless = 4'000'123;

v1::RoleBinding binding(v1::Role role, uint32_t user, const std::string& name) {
  v1::RoleBinding result;
  result.set_role(role);
  result.add_users(user);
  result.add_names(name);
  return result;
}

TEST(RoleBook, WithoutRolesEverybodyIsAnAdminWithoutIdentity) {
  const RoleBook roles;

  const Caller caller = roles.local(0);

  EXPECT_TRUE(roles.is_open());
  EXPECT_EQ(caller.name, "root");
  EXPECT_EQ(caller.role, v1::ROLE_ADMIN);
  EXPECT_FALSE(caller.has_identity);
}

TEST(RoleBook, LocalCallerHasTheStrongestOfItsRoles) {
  const RoleBook roles(
      {binding(v1::ROLE_OFFICER, kNameless, "x"), binding(v1::ROLE_VIEWER, kNameless, "y")});

  const Caller known = roles.local(kNameless);
  const Caller stranger = roles.local(0);

  EXPECT_EQ(known.name, "uid:4000123");
  EXPECT_EQ(known.role, v1::ROLE_OFFICER);
  EXPECT_TRUE(known.has_identity);
  EXPECT_EQ(stranger.role, v1::ROLE_UNSPECIFIED);  // root too is nobody unless it is named
}

TEST(RequireRole, RefusalNamesTheRoleThatIsMissing) {
  const absl::Status viewer =
      require_role({"eve", v1::ROLE_VIEWER, true}, v1::ROLE_OPERATOR, "apply");
  const absl::Status stranger =
      require_role({"", v1::ROLE_UNSPECIFIED, true}, v1::ROLE_VIEWER, "plan");

  EXPECT_EQ(viewer.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(viewer.message(), "eve has the role viewer; to apply takes the role operator");
  EXPECT_EQ(stranger.message(), "this caller has no role; to plan takes the role viewer");
  EXPECT_TRUE(require_role({"eve", v1::ROLE_ADMIN, true}, v1::ROLE_OPERATOR, "apply").ok());
}

TEST(AuthorOf, WrittenNameCountsOnlyWhereNobodyHasAnIdentity) {
  const Caller open = {"root", v1::ROLE_ADMIN, false};
  const Caller proved = {"ann", v1::ROLE_ADMIN, true};

  EXPECT_EQ(*author_of(open, "ci"), "ci");
  EXPECT_EQ(*author_of(open, ""), "root");
  EXPECT_EQ(*author_of(proved, ""), "ann");
  EXPECT_EQ(*author_of(proved, "ann"), "ann");
  EXPECT_THAT(std::string(author_of(proved, "bob").status().message()),
              HasSubstr("the author is ann, not bob"));
}

}  // namespace
}  // namespace sluice::controlplane
