// SPDX-License-Identifier: Apache-2.0
//
// Selectors over labels.
#include "controlplane/policy/selector.h"

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace sluice::controlplane {
namespace {

const Labels kLabels = {{"region", "eu"}, {"tier", ""}};

struct Row {
  const char* selector;
  const char* mismatch;  // empty: it matches
};

TEST(Selector, SaysWhatDoesNotHold) {
  const std::vector<Row> rows = {
      {"", ""},
      {"match_labels { key: 'region' value: 'eu' }", ""},
      {"match_labels { key: 'tier' value: '' }", ""},
      {"match_labels { key: 'region' value: 'us' }", "label region is \"eu\", must be \"us\""},
      {"match_labels { key: 'zone' value: 'a' }", "label zone is absent, must be \"a\""},
      {"match_expressions { key: 'region' operator: OPERATOR_IN values: ['us', 'eu'] }", ""},
      {"match_expressions { key: 'region' operator: OPERATOR_IN values: ['us', 'ch'] }",
       "label region is \"eu\", must be in [us, ch]"},
      {"match_expressions { key: 'zone' operator: OPERATOR_IN values: 'a' }",
       "label zone is absent, must be in [a]"},
      {"match_expressions { key: 'region' operator: OPERATOR_NOT_IN values: 'us' }", ""},
      {"match_expressions { key: 'zone' operator: OPERATOR_NOT_IN values: 'us' }", ""},
      {"match_expressions { key: 'region' operator: OPERATOR_NOT_IN values: 'eu' }",
       "label region is \"eu\", must not be in [eu]"},
      {"match_expressions { key: 'tier' operator: OPERATOR_EXISTS }", ""},
      {"match_expressions { key: 'zone' operator: OPERATOR_EXISTS }",
       "label zone is absent, must be present"},
      {"match_expressions { key: 'zone' operator: OPERATOR_DOES_NOT_EXIST }", ""},
      {"match_expressions { key: 'tier' operator: OPERATOR_DOES_NOT_EXIST }",
       "label tier is \"\", must be absent"},
      {"match_labels { key: 'region' value: 'eu' } match_expressions { key: 'zone' operator: "
       "OPERATOR_EXISTS }",
       "label zone is absent, must be present"},
  };
  for (const Row& row : rows) {
    v1::LabelSelector selector;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(row.selector, &selector))
        << row.selector;
    EXPECT_EQ(mismatch(selector, kLabels).value_or(""), row.mismatch) << row.selector;
  }
}

}  // namespace
}  // namespace sluice::controlplane
