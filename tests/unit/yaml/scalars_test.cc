// SPDX-License-Identifier: Apache-2.0
//
// The written form of single values.
#include "dataplane/yaml/scalars.h"

#include <random>
#include <string>

#include "dataplane/yaml/read_message.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sluice/v1/policy.pb.h"

namespace sluice {
namespace {

TEST(Duration, ReadsUnitsInOrder) {
  EXPECT_EQ(parse_duration("0s"), 0);
  EXPECT_EQ(parse_duration("500ms"), 500'000'000);
  EXPECT_EQ(parse_duration("1m"), 60'000'000'000);
  EXPECT_EQ(parse_duration("1m5ms"), 60'005'000'000);
  EXPECT_EQ(parse_duration("90m"), 5'400'000'000'000);
  EXPECT_EQ(parse_duration("1d2h3m4s500ms200us"), 93'784'500'200'000);
  EXPECT_EQ(parse_duration("36500d"), 3'153'600'000'000'000'000);
}

TEST(Duration, RefusesWhatIsNotOfTheGrammar) {
  for (const char* text : {"", "5", "s", "1.5s", "-1s", "+1s", "1s1m", "1s1s", "1 s", "1S", "1ns",
                           "05s", "36501d", "36500d1us", "99999999999999999999s", "1s ", "1ms1m"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Duration, WrittenFormReadsBack) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 10'000; ++i) {
    const auto nanoseconds = static_cast<int64_t>(random() >> (1 + random() % 60)) / 1'000 * 1'000;
    if (nanoseconds > 3'153'600'000'000'000'000) continue;
    EXPECT_EQ(parse_duration(format_duration(nanoseconds)), nanoseconds);
  }
  EXPECT_EQ(format_duration(0), "0s");
  EXPECT_EQ(format_duration(93'784'500'200'000), "1d2h3m4s500ms200us");
}

TEST(Timestamp, ReadsRfc3339) {
  const auto utc = parse_timestamp("2031-01-01T00:00:00Z");
  ASSERT_TRUE(utc);
  EXPECT_EQ(utc->seconds, 1'924'992'000);
  EXPECT_EQ(utc->nanoseconds, 0);

  const auto offset = parse_timestamp("2031-01-01T02:30:00.25+02:30");
  ASSERT_TRUE(offset);
  EXPECT_EQ(offset->seconds, 1'924'992'000);
  EXPECT_EQ(offset->nanoseconds, 250'000'000);
}

TEST(Timestamp, RefusesOtherForms) {
  for (const char* text :
       {"", "2031-01-01", "2031-01-01 00:00:00Z", "2031-01-01T00:00:00", "2031-13-01T00:00:00Z",
        "2031-02-30T00:00:00Z", "2031-01-01T25:00:00Z", "2031-01-01T00:00:00.Z", "tomorrow",
        "infinite-future", "0000-01-01T00:00:00Z", "2031-01-01T00:00:00z"}) {
    EXPECT_EQ(parse_timestamp(text), std::nullopt) << text;
  }
}

TEST(Integer, IsPlainDecimalInRange) {
  EXPECT_EQ(parse_unsigned("0", 10), 0u);
  EXPECT_EQ(parse_unsigned("10", 10), 10u);
  EXPECT_EQ(parse_unsigned("18446744073709551615", UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(parse_signed("-2147483648", INT32_MIN, INT32_MAX), INT32_MIN);
  for (const char* text : {"", "-", "-1", "11", "+5", "05", "0x1", "1.0", "1e1", " 1", "1_0",
                           "99999999999999999999"}) {
    EXPECT_EQ(parse_unsigned(text, 10), std::nullopt) << text;
  }
  EXPECT_EQ(parse_signed("2147483648", INT32_MIN, INT32_MAX), std::nullopt);
}

TEST(EnumText, IsShortLowerCaseButForLabelOperators) {
  EXPECT_THAT(enum_texts(*v1::Forwarding_descriptor()),
              testing::ElementsAre("ipip", "gue", "geneve", "gre", "vxlan", "l2", "nat"));
  EXPECT_THAT(enum_texts(*v1::RolloutSpec::OnFailure_descriptor()),
              testing::ElementsAre("rollback", "pause"));
  EXPECT_THAT(enum_texts(*v1::GuardrailSpec::Audit_descriptor()),
              testing::ElementsAre("best_effort", "fail_closed"));
  EXPECT_THAT(enum_texts(*v1::LabelRequirement::Operator_descriptor()),
              testing::ElementsAre("In", "NotIn", "Exists", "DoesNotExist"));
}

TEST(PlainText, IsUtf8WithoutControlCharacters) {
  for (const char* text : {"", "plain", "tab\tline\n", "Grüße", "日本", "\xf0\x9f\x98\x80"}) {
    EXPECT_TRUE(is_plain_text(text)) << text;
  }
  for (const char* text : {"\x01", "\x7f", "\r", "\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80",
                           "\xf5\x80\x80\x80", "\x80", "\xe0\x80\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_FALSE(is_plain_text(text)) << text;
  }
}

TEST(ObjectName, HasTheFormOfDnsLabels) {
  EXPECT_TRUE(is_object_name("a"));
  EXPECT_TRUE(is_object_name("chat-v1-eu"));
  EXPECT_TRUE(is_object_name("0"));
  EXPECT_TRUE(is_object_name(std::string(63, 'a')));
  for (const std::string& text :
       {std::string(), std::string("-a"), std::string("a-"), std::string("A"), std::string("a.b"),
        std::string("a_b"), std::string(64, 'a')}) {
    EXPECT_FALSE(is_object_name(text)) << text;
  }
}

TEST(Scalars, ReadFiniteNumbers) {
  EXPECT_EQ(parse_number("0.05"), 0.05);
  EXPECT_EQ(parse_number("-3"), -3.0);
  EXPECT_EQ(parse_number("1e-3"), 0.001);
  for (const char* text : {"", "x", "0.05s", "+1", " 1", "nan", "inf", "-inf", "1e999", "0x10"})
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
}

}  // namespace
}  // namespace sluice
