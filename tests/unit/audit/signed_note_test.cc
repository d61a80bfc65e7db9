// SPDX-License-Identifier: Apache-2.0
//
// Signed notes against the vector of the specification, and against notes of our own that were
// tampered with.
#include "controlplane/audit/signed_note.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "controlplane/audit/checkpoint.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr absl::string_view kNeumann =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr absl::string_view kNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/"
    "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
// `openssl genpkey -algorithm ed25519`.
constexpr absl::string_view kPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

NoteSigner signer(uint8_t seed) {
  std::array<uint8_t, 32> bytes{};
  bytes.fill(seed);
  return *NoteSigner::make("log.example", bytes);
}

TEST(SignedNote, OpensTheVector) {
  const auto key = NoteKey::parse(kNeumann);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->id(), 0xc74f20a3u);
  EXPECT_EQ(key->text(), kNeumann);

  const auto opened = open_note(kNote, {&*key, 1});

  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_THAT(opened->signed_by, ElementsAre("PeterNeumann"));
  EXPECT_THAT(opened->text, HasSubstr("what your problem is.\n"));
}

TEST(SignedNote, OpensWhatItSigned) {
  const NoteSigner one = signer(1);
  const std::string text = "a\n\nb\n";
  const std::vector<std::string> signatures = {signer(2).sign(text), one.sign(text)};

  const auto opened = open_note(make_note(text, signatures), {&one.key(), 1});

  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->text, text);
  EXPECT_THAT(opened->signed_by, ElementsAre("log.example"));
}

TEST(SignedNote, RefusesAnotherTextAndAnotherKey) {
  const NoteSigner one = signer(1);
  const std::string signature = one.sign("right\n");

  EXPECT_TRUE(absl::IsUnauthenticated(
      open_note(make_note("wrong\n", {&signature, 1}), {&one.key(), 1}).status()));
  EXPECT_TRUE(absl::IsUnauthenticated(
      open_note(make_note("right\n", {&signature, 1}), {&signer(2).key(), 1}).status()));
}

TEST(SignedNote, RefusesEveryFlippedByte) {
  const auto key = NoteKey::parse(kNeumann);
  ASSERT_TRUE(key.ok());
  for (size_t i = 0; i < kNote.size(); ++i) {
    std::string note(kNote);
    note[i] = static_cast<char>(note[i] ^ 1);
    EXPECT_FALSE(open_note(note, {&*key, 1}).ok()) << i;
  }
}

TEST(SignedNote, RefusesOtherForms) {
  const auto key = NoteKey::parse(kNeumann);
  ASSERT_TRUE(key.ok());
  for (const absl::string_view note : {"", "\n", "\n\n", "text\n", "text\n\n", "text\n\nno dash\n",
                                       "text\n\n\u2014 name\n", "text\n\n\u2014 name AAAA\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(open_note(note, {&*key, 1}).status())) << note;
  }
}

TEST(NoteKey, RefusesOtherForms) {
  for (const absl::string_view text :
       {"", "PeterNeumann", "PeterNeumann+c74f20a3", "PeterNeumann+c74f20a3+AR",
        "Peter+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(NoteKey::parse(text).status())) << text;
  }
}

TEST(NoteSigner, ReadsPem) {
  const auto from_pem = NoteSigner::from_pem(kPem);
  ASSERT_TRUE(from_pem.ok()) << from_pem.status();
  EXPECT_EQ(from_pem->key().name.substr(0, 7), "sluice/");
  const std::string signature = from_pem->sign("text\n");
  EXPECT_TRUE(open_note(make_note("text\n", {&signature, 1}), {&from_pem->key(), 1}).ok());
  const auto parsed = NoteKey::parse(from_pem->key().text());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->public_key, from_pem->key().public_key);

  EXPECT_TRUE(absl::IsInvalidArgument(NoteSigner::from_pem("no key").status()));
}

TEST(NoteSigner, MakesKeysThatItReads) {
  const auto one = NoteSigner::from_pem(*NoteSigner::new_pem());
  const auto other = NoteSigner::from_pem(*NoteSigner::new_pem());
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_NE(one->key().public_key, other->key().public_key);
}

TEST(Checkpoint, ReadsWhatItWrites) {
  Checkpoint checkpoint{"log.example", 42, leaf_hash("x")};
  const auto parsed = Checkpoint::parse(checkpoint.text());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(*parsed, checkpoint);
  EXPECT_TRUE(Checkpoint::parse(checkpoint.text() + "an extension\n").ok());
}

TEST(Checkpoint, RefusesOtherForms) {
  const std::string root = "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=";
  for (const std::string& text :
       {std::string(), std::string("log\n1\n"), "log\n1\n" + root, "\n1\n" + root + "\n",
        "log\n01\n" + root + "\n", "log\n-1\n" + root + "\n", std::string("log\n1\nAAAA\n")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Checkpoint::parse(text).status())) << text;
  }
}

}  // namespace
}  // namespace sluice::controlplane
