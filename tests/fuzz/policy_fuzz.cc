// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes the way of a policy from text to table. No text may end the process; what parses must
// print to text that parses to the same; what is valid must compile.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/planner/plan.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/print.h"
#include "controlplane/policy/validate.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/fuzz/seeds.h"

namespace sluice::controlplane {
namespace {

using google::protobuf::util::MessageDifferencer;

void require(bool holds, const char* claim, const std::string& text) {
  if (holds) return;
  std::cerr << "does not hold: " << claim << "\n" << text << "\n";
  std::abort();
}

std::string print_policy(const v1::Policy& policy) {
  std::string text;
  for (const std::string& kind : kinds()) {
    const google::protobuf::FieldDescriptor* list = field_of_kind(kind);
    for (int i = 0; i < policy.GetReflection()->FieldSize(policy, list); ++i) {
      text += "---\n" + print_object(policy.GetReflection()->GetRepeatedMessage(policy, list, i));
    }
  }
  return text;
}

ParsedPolicy parse(const std::string& text, Violations& violations) {
  const SourceFile file{"fuzz.yaml", text};
  return parse_policy({&file, 1}, violations);
}

void check_printing(const v1::Policy& policy) {
  const std::string printed = print_policy(policy);
  Violations violations;
  const ParsedPolicy again = parse(printed, violations);
  require(violations.empty(), "printed text parses", printed);
  require(MessageDifferencer::Equals(again.policy, policy), "printed text means the same", printed);
}

void check_planning(const ParsedPolicy& parsed, const std::string& text) {
  const TableHeader header{.steering_key = test_steering_key()};
  const v1::Policy& policy = parsed.policy;
  const ClientSets clients = client_sets(policy);
  const ObjectNames all = all_objects(policy);
  const Desired desired{policy, clients, parsed.source, all};
  const Plan first = make_plan({{}, {}}, desired, header);
  const Plan second = make_plan({policy, *first.table}, desired, header);
  require(second.diff.empty() && second.shares.empty(), "nothing changes the second time", text);
  require(MessageDifferencer::Equals(*first.table, *second.table),
          "the same policy, the same table", text);
}

void run(const std::string& text) {
  Violations violations;
  const ParsedPolicy parsed = parse(text, violations);
  const bool reads = violations.empty();
  validate_policy(parsed.policy, client_sets(parsed.policy), parsed.source, violations);
  for (const Violation& violation : violations) {
    require(!violation.message.empty() && violation.line > 0, "every violation has a line", text);
  }
  if (reads) check_printing(parsed.policy);
  if (violations.empty()) check_planning(parsed, text);
}

// Bytes that no policy may have become characters that mean something in YAML: else most inputs end
// at the first check.
std::string cleaned(std::string text) {
  constexpr std::string_view kMeaningful = "\n :-{}[],&*!|>'\"%@`#?~.0a";
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte >= 0x7f) c = kMeaningful[byte % kMeaningful.size()];
  }
  return text;
}

}  // namespace
}  // namespace sluice::controlplane

std::vector<std::string> sluice::fuzz::seeds() {
  return {
      "kind: ClientClass\nmetadata: {name: a, labels: {k: v}}\nspec: {prefixes: [10.0.0.0/8]}\n",
      "kind: Pool\nmetadata: {name: p}\nspec:\n  health: {interval: 1s, tcp: {port: 80}}\n"
      "  backends:\n  - {name: b, address: 10.0.0.1, weight: 1, labels: &l {k: \"v\\n\"}}\n"
      "  - {name: c, address: '2001:db8::1', labels: *l}\n",
      "kind: Guardrail\nmetadata: {name: g}\nspec:\n  require: {match_expressions: "
      "[{key: k, operator: In, values: [v]}]}\n  description: |\n    text\n    more\n"};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  sluice::controlplane::run(text);
  sluice::controlplane::run(sluice::controlplane::cleaned(text));
  return 0;
}
