// SPDX-License-Identifier: Apache-2.0
//
// sluice test: whether clients go where a team expects, by the packet path's own code.
#include <memory>

#include "controlplane/cli/case_run.h"
#include "controlplane/cli/commands/change.h"
#include "controlplane/cli/commands/local_policy.h"
#include "controlplane/cli/input_files.h"
#include "controlplane/cli/render/message.h"
#include "controlplane/cli/test_cases.h"
#include "fmt/format.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

struct TestOptions {
  std::vector<std::string> cases;
  std::vector<std::string> policies;  // empty: the one that is in force
  Format format = Format::kTable;
};

struct Report {
  std::vector<WrittenCase> cases;
  std::vector<CaseOutcome> outcomes;  // by case
  size_t failed = 0;
};

std::string name_of(const WrittenCase& written) {
  return written.test.name().empty() ? written.place() : written.test.name();
}

ExitCode read_all(Session& session, const TestOptions& options, const v1::Policy& policy,
                  std::vector<WrittenCase>& cases) {
  Violations violations;
  for (const std::string& name : options.cases) {
    const absl::StatusOr<std::string> text = read_file(name);
    if (!text.ok()) return session.fail(ExitCode::kError, text.status());
    for (WrittenCase& written : read_cases(name, *text, policy, violations))
      cases.push_back(std::move(written));
  }
  for (const Violation& violation : violations)
    fmt::print(session.err(), "{}\n", violation.to_string());
  if (violations.empty()) return ExitCode::kOk;
  return session.fail(ExitCode::kError, fmt::format("{} violation{}", violations.size(),
                                                    violations.size() == 1 ? "" : "s"));
}

void print_failures(Session& session, const Report& report) {
  const Palette palette = session.palette();
  for (size_t i = 0; i < report.cases.size(); ++i) {
    const CaseOutcome& outcome = report.outcomes[i];
    if (outcome.passed) continue;
    const WrittenCase& written = report.cases[i];
    fmt::print(session.out(), "{} {}: expected {}, not {}\n", palette.paint(Colour::kRed, "failed"),
               written.test.name().empty()
                   ? written.place()
                   : fmt::format("{} {}", written.place(), written.test.name()),
               outcome.expected, outcome.happened);
    for (const std::string& reason : outcome.explanation.reasons())
      fmt::print(session.out(), "  {}\n", reason);
  }
  fmt::print(session.out(), "{} case{}: {} passed, {} failed\n", report.cases.size(),
             report.cases.size() == 1 ? "" : "s", report.cases.size() - report.failed,
             report.failed);
}

Document to_document(const Report& report) {
  Document cases = Document::list();
  for (size_t i = 0; i < report.cases.size(); ++i) {
    const CaseOutcome& outcome = report.outcomes[i];
    Document entry = Document::object();
    entry.add("name", Document::text(name_of(report.cases[i])));
    entry.add("file", Document::text(report.cases[i].file));
    entry.add("line", Document::number(report.cases[i].line));
    entry.add("passed", Document::boolean(outcome.passed));
    entry.add("expected", Document::text(outcome.expected));
    entry.add("happened", Document::text(outcome.happened));
    entry.add("explanation", document_of(outcome.explanation, Unset::kOmit));
    cases.append(std::move(entry));
  }
  Document document = Document::object();
  document.add("cases", std::move(cases));
  document.add("passed",
               Document::number(static_cast<uint32_t>(report.cases.size() - report.failed)));
  document.add("failed", Document::number(static_cast<uint32_t>(report.failed)));
  return document;
}

ExitCode test(Session& session, const TestOptions& options) {
  LocalPolicy policy;
  const ExitCode loaded = options.policies.empty() ? fetch_policy(session, policy)
                                                   : load_policy(session, options.policies, policy);
  if (loaded != ExitCode::kOk) return loaded;
  Report report;
  const ExitCode read = read_all(session, options, policy.parsed.policy, report.cases);
  if (read != ExitCode::kOk) return read;
  CaseRun run(policy.parsed, policy.clients, session.invocation().clock());
  for (const WrittenCase& written : report.cases) {
    absl::StatusOr<CaseOutcome> outcome = run.run(written.test);
    if (!outcome.ok()) {
      return session.fail(ExitCode::kError, fmt::format("{}: {}", written.place(),
                                                        std::string(outcome.status().message())));
    }
    report.failed += outcome->passed ? 0 : 1;
    report.outcomes.push_back(*std::move(outcome));
  }
  if (is_document(options.format)) {
    print_document(session.out(), options.format, to_document(report));
  } else {
    print_failures(session, report);
  }
  return report.failed == 0 ? ExitCode::kOk : ExitCode::kVerificationFailed;
}

}  // namespace

void add_test(Verbs& verbs) {
  const auto options = std::make_shared<TestOptions>();
  CLI::App& verb = verbs.add(
      "test", "Check that clients go where cases expect; with --policy it needs no controller",
      "sluice test -f cases.yaml --policy policies/, with cases such as\n"
      "    - name: EU clients stay in the EU when a pool fails\n"
      "      from: 198.51.100.7\n"
      "      to: tcp/203.0.113.10:80\n"
      "      down: [chat-v1-eu, chat-v2-eu/v2-a]\n"
      "      expect: {refused: no_pool}",
      [options](Session& session) { return test(session, *options); });
  verb.add_option("-f,--filename", options->cases,
                  "Cases: from, to, time, dscp, down, rollouts, expect; repeatable")
      ->required()
      ->type_name("FILE")
      ->allow_extra_args(false);
  verb.add_option("--policy", options->policies,
                  "A file or directory, or - , repeatable; unset: the policy that is in force")
      ->type_name("FILE")
      ->allow_extra_args(false);
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml});
}

}  // namespace sluice::controlplane::cli
