// SPDX-License-Identifier: Apache-2.0
//
// Objects are found by every name that operators use for their kind.
#include "controlplane/cli/kinds.h"

#include <gtest/gtest.h>

namespace sluice::controlplane::cli {
namespace {

TEST(Kind, HasSingularPluralAndShortNames) {
  for (const char* word : {"ClientClass", "clientclass", "clientclasses", "cc", "client_classes"}) {
    ASSERT_NE(find_kind(word), nullptr) << word;
    EXPECT_STREQ(find_kind(word)->name, "ClientClass");
  }
  EXPECT_STREQ(find_kind("svc")->name, "Service");
  EXPECT_EQ(find_kind("pod"), nullptr);
}

TEST(ObjectName, IsKindSlashName) {
  EXPECT_EQ(parse_object_name("po/chat-v1").value().to_string(), "Pool/chat-v1");
  for (const char* text : {"pool", "pool/", "/chat", "pod/chat"}) {
    EXPECT_FALSE(parse_object_name(text).ok()) << text;
  }
}

TEST(ObjectName, SuggestsTheNearestKind) {
  const auto name = parse_object_name("poool/chat");

  ASSERT_FALSE(name.ok());
  EXPECT_NE(std::string(name.status().message()).find("did you mean"), std::string::npos)
      << name.status();
}

TEST(Objects, AreFoundByKindAndName) {
  v1::Policy policy;
  policy.add_pools()->mutable_metadata()->set_name("chat-v1");
  policy.add_routes()->mutable_metadata()->set_name("chat");

  EXPECT_EQ(objects_of(policy, *find_kind("pools")).size(), 1u);
  EXPECT_NE(find_object(policy, {find_kind("route"), "chat"}), nullptr);
  EXPECT_EQ(find_object(policy, {find_kind("pool"), "chat"}), nullptr);
}

}  // namespace
}  // namespace sluice::controlplane::cli
