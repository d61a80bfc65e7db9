// SPDX-License-Identifier: Apache-2.0
//
// sluice plan, sluice diff: what applying would do.
#include "controlplane/cli/render/plan.h"

#include <map>
#include <memory>

#include "controlplane/cli/commands/change.h"
#include "controlplane/cli/input_files.h"
#include "controlplane/cli/render/message.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

constexpr char kPlanSuffix[] = ".binpb";

enum class Depth { kDiff, kWholePlan };

struct PlanOptions {
  ChangeOptions change;
  bool strikes = false;
  std::string out;
  Format format = Format::kTable;
};

ExitCode save_plan(Session& session, const std::string& name, const v1::Change& change,
                   uint64_t base_revision) {
  v1::ApplyRequest request;
  *request.mutable_change() = change;
  request.mutable_change()->set_base_revision(base_revision);
  const absl::Status written = write_file(name, request.SerializeAsString(), session.out());
  if (!written.ok()) return session.fail(ExitCode::kError, written);
  fmt::print(session.err(), "saved; sluice apply {} applies it to revision {} only\n", name,
             base_revision);
  return ExitCode::kOk;
}

void show_plan(Session& session, const v1::PlanResponse& plan, Depth depth) {
  std::ostream& out = session.out();
  if (plan.diff().empty()) {
    fmt::print(session.err(), "nothing changes: revision {} is what the files say\n",
               plan.base_revision());
    return;
  }
  print_diff(out, plan, session.palette());
  if (depth == Depth::kDiff) return;
  print_shares(out, plan, session.palette());
  size_t created = 0;
  size_t deleted = 0;
  for (const v1::ObjectDiff& object : plan.diff()) {
    created += object.action() == v1::ObjectDiff::ACTION_CREATE ? 1 : 0;
    deleted += object.action() == v1::ObjectDiff::ACTION_DELETE ? 1 : 0;
  }
  const size_t changed = static_cast<size_t>(plan.diff_size()) - created - deleted;
  print_governance(out, plan);
  fmt::print(out, "\nPlan for revision {}: {} to create, {} to change, {} to delete\n",
             plan.base_revision(), created, changed, deleted);
}

ExitCode plan_change(Session& session, const PlanOptions& options, Depth depth) {
  v1::PlanRequest request;
  const ExitCode read = read_change(session, options.change, *request.mutable_change());
  if (read != ExitCode::kOk) return read;
  request.mutable_change()->set_strike(options.strikes);
  v1::PlanResponse plan;
  const ExitCode code = session.call(request, plan);
  if (code != ExitCode::kOk) return code;

  print_warnings(session.err(), plan);
  if (is_document(options.format)) {
    print_document(session.out(), options.format, document_of(plan));
  } else if (options.format == Format::kName) {
    print_names(session.out(), plan);
  } else {
    show_plan(session, plan, depth);
  }
  if (!options.out.empty()) {
    const ExitCode saved = save_plan(session, options.out, request.change(), plan.base_revision());
    if (saved != ExitCode::kOk) return saved;
  }
  return plan.diff().empty() ? ExitCode::kOk : ExitCode::kChanges;
}

// -o takes a form of the output, or the file that the plan is saved to.
void add_plan_output(CLI::App& verb, PlanOptions& options) {
  static const std::map<std::string, Format> kForms{{"table", Format::kTable},
                                                    {"json", Format::kJson},
                                                    {"yaml", Format::kYaml},
                                                    {"name", Format::kName}};
  verb.add_option_function<std::vector<std::string>>(
          "-o,--output",
          [&options](const std::vector<std::string>& values) {
            for (const std::string& value : values) {
              const auto form = kForms.find(value);
              if (form != kForms.end()) {
                options.format = form->second;
              } else if (value.ends_with(kPlanSuffix)) {
                options.out = value;
              } else {
                throw CLI::ValidationError(
                    "--output", fmt::format("\"{}\" is neither table, json, yaml, name nor a file "
                                            "named *{}",
                                            value, kPlanSuffix));
              }
            }
          },
          "Form of the output: table, json, yaml or name; or FILE.binpb to save the plan for "
          "sluice "
          "apply; both may be given")
      ->allow_extra_args(false)
      ->type_name("FORM|FILE.binpb");
}

}  // namespace

void add_plan(Verbs& verbs) {
  const std::vector<Format> formats{Format::kTable, Format::kJson, Format::kYaml, Format::kName};
  const auto options = std::make_shared<PlanOptions>();
  CLI::App& plan = verbs.add(
      "plan", "Show what applying would do; exit code 2 when something changes",
      "sluice plan -f policy.yaml -o v2.binpb && sluice apply v2.binpb",
      [options](Session& session) { return plan_change(session, *options, Depth::kWholePlan); });
  add_change(plan, options->change);
  plan.get_option("--filename")->required();
  plan.add_flag("--strike", options->strikes,
                "Compile out the pools that guardrails forbid instead of refusing the change");
  plan.add_option("--out", options->out, "Save the plan for sluice apply, under any name")
      ->type_name("FILE");
  add_plan_output(plan, *options);

  CLI::App& diff = verbs.add(
      "diff", "Show which fields applying would change; exit code 2 when something changes",
      "sluice diff -f policies/ --prune",
      [options](Session& session) { return plan_change(session, *options, Depth::kDiff); });
  add_change(diff, options->change);
  diff.get_option("--filename")->required();
  add_format(diff, options->format, formats);
}

}  // namespace sluice::controlplane::cli
