// SPDX-License-Identifier: Apache-2.0
//
// The typed policy as YAML text that reads back to the same.
#include "controlplane/policy/print.h"

#include <bit>
#include <random>

#include "controlplane/policy/kinds.h"
#include "gmock/gmock.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/support/policy_text.h"

namespace sluice::controlplane {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::util::MessageDifferencer;
using testing::IsEmpty;

std::string print_policy(const v1::Policy& policy) {
  std::string text;
  for (const std::string& kind : kinds()) {
    const FieldDescriptor* list = field_of_kind(kind);
    for (int i = 0; i < policy.GetReflection()->FieldSize(policy, list); ++i) {
      text += "---\n" + print_object(policy.GetReflection()->GetRepeatedMessage(policy, list, i));
    }
  }
  return text;
}

void expect_reads_back(const v1::Policy& policy) {
  const std::string text = print_policy(policy);
  Violations violations;
  const ParsedPolicy parsed = parse_text(text, violations);
  EXPECT_THAT(to_strings(violations), IsEmpty()) << text;
  EXPECT_TRUE(MessageDifferencer::Equals(parsed.policy, policy)) << text;
}

TEST(PrintObject, WritesWhatAnOperatorWouldWrite) {
  Violations violations;
  const ParsedPolicy parsed = parse_text(example_policy(), violations);

  EXPECT_EQ(print_object(parsed.policy.pools(0)), R"(apiVersion: sluice/v1
kind: Pool
metadata:
  name: chat-v1-eu
  labels: {approval: approved, jurisdiction: eu, model: chat, version: v1}
spec:
  forwarding: ipip
  table_slots: 65537
  min_up: 1
  eligible_until: "2031-01-01T00:00:00Z"
  health:
    interval: 1s
    fast_interval: 200ms
    timeout: 300ms
    rise: 2
    fall: 3
    http:
      port: 80
      path: /health
      expect_status: [200]
      expect_body: "chat v1"
  backends:
    - name: v1-a
      address: 10.77.1.11
      weight: 100
      labels: {zone: fra1}
    - name: v1-b
      address: 10.77.1.12
      weight: 100
      labels: {zone: fra2}
)");
  EXPECT_EQ(print_object(parsed.policy.client_classes(3)), R"(apiVersion: sluice/v1
kind: ClientClass
metadata:
  name: unknown
  labels: {region: unknown}
)");
  EXPECT_EQ(print_object(parsed.policy.routes(1)), R"(apiVersion: sluice/v1
kind: Route
metadata:
  name: chat-default
spec:
  service: chat
  clients: {}
  split:
    - pool: chat-v2-us
      weight: 1
)");
}

TEST(PrintObject, QuotesWhatOtherReadersWouldMistake) {
  v1::Pool pool;
  pool.mutable_metadata()->set_name("a");
  auto& labels = *pool.mutable_metadata()->mutable_labels();
  labels["a"] = "no";
  labels["b"] = "1.10";
  labels["c"] = "";
  labels["d"] = "x: y";
  labels["e"] = "say \"hi\"";

  EXPECT_EQ(print_object(pool),
            "apiVersion: sluice/v1\nkind: Pool\nmetadata:\n  name: a\n"
            "  labels: {a: \"no\", b: \"1.10\", c: \"\", d: \"x: y\", e: \"say \\\"hi\\\"\"}\n");
}

TEST(PrintObject, BreaksLongLists) {
  v1::ClientClass declared;
  for (int i = 0; i < 8; ++i)
    declared.mutable_spec()->add_prefixes("10.20.30." + std::to_string(i) + "/32");

  EXPECT_THAT(print_object(declared),
              testing::HasSubstr("  prefixes:\n    - 10.20.30.0/32\n    - 10.20.30.1/32\n"));
}

TEST(PrintObject, ExampleReadsBack) {
  Violations violations;
  expect_reads_back(parse_text(example_policy(), violations).policy);
}

// Fills messages with whatever their types allow.
class RandomFiller {
 public:
  explicit RandomFiller(uint32_t seed) : random_(seed) {}

  void fill(Message& message) {
    if (auto* duration = dynamic_cast<google::protobuf::Duration*>(&message)) {
      duration->set_seconds(random_() % 10'000'000);
      return duration->set_nanos(static_cast<int32_t>(random_() % 1'000'000) * 1'000);
    }
    if (auto* time = dynamic_cast<google::protobuf::Timestamp*>(&message)) {
      time->set_seconds(random_());
      return time->set_nanos(random_() % 2 == 0 ? 0
                                                : static_cast<int32_t>(random_() % 1'000'000'000));
    }
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor& field = *message.GetDescriptor()->field(i);
      const bool always = field.name() == "metadata" || field.name() == "name";
      if (always || random_() % 4 != 0) fill_field(message, field);
    }
  }

 private:
  void fill_field(Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    const uint32_t count = field.is_repeated() ? number() % 4 : 1;
    if (field.is_map()) return fill_map(message, field, count);
    for (uint32_t i = 0; i < count; ++i) {
      if (field.message_type() != nullptr) {
        fill(field.is_repeated() ? *reflection.AddMessage(&message, &field)
                                 : *reflection.MutableMessage(&message, &field));
      } else {
        fill_scalar(message, field);
      }
    }
  }

  void fill_map(Message& message, const FieldDescriptor& field, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      Message& entry = *message.GetReflection()->AddMessage(&message, &field);
      entry.GetReflection()->SetString(&entry, field.message_type()->map_key(),
                                       std::to_string(i) + text());
      entry.GetReflection()->SetString(&entry, field.message_type()->map_value(), text());
    }
  }

  void fill_scalar(Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection.SetBool(&message, &field, true);
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection.SetInt32(&message, &field, static_cast<int32_t>(random_()));
      case FieldDescriptor::CPPTYPE_UINT32:
        if (field.is_repeated()) return reflection.AddUInt32(&message, &field, number());
        return reflection.SetUInt32(&message, &field, number());
      case FieldDescriptor::CPPTYPE_UINT64:
        return reflection.SetUInt64(&message, &field, uint64_t{random_()} << 32 | random_());
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection.SetDouble(
            &message, &field,
            std::bit_cast<double>(uint64_t{random_() % 0x7fe0'0000} << 32 | random_()) *
                (random_() % 2 == 0 ? 1 : -1));
      case FieldDescriptor::CPPTYPE_ENUM:
        if (field.is_repeated())
          return reflection.AddEnumValue(&message, &field, enumerator(field));
        return reflection.SetEnumValue(&message, &field, enumerator(field));
      default:
        if (field.is_repeated()) return reflection.AddString(&message, &field, text());
        return reflection.SetString(&message, &field, field.name() == "name" ? name() : text());
    }
  }

  int enumerator(const FieldDescriptor& field) {
    return 1 + static_cast<int>(random_() %
                                static_cast<uint32_t>(field.enum_type()->value_count() - 1));
  }
  uint32_t number() { return static_cast<uint32_t>(random_()); }
  std::string name() { return "n" + std::to_string(random_()); }

  std::string text() {
    static const std::vector<std::string> kPieces = {
        "a", "0",  ".", "-", " ",  ":",    "#", "\"",     "'",      "\\",     "\n",    "\t",
        "ü", "日", "{", "}", "[",  ",",    "&", "*",      "!",      "|",      ">",     "%",
        "@", "`",  "~", "?", "no", "null", "1", "\u0085", "\u2028", "\ufeff", "\u00a0"};
    std::string text;
    for (uint32_t i = 0; i < random_() % 8; ++i)
      text += kPieces[random_() % kPieces.size()];
    return text;
  }

  std::mt19937 random_;
};

TEST(PrintObject, AnyPolicyReadsBack) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    v1::Policy policy;
    RandomFiller(seed).fill(policy);
    expect_reads_back(policy);
    if (HasFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice::controlplane
