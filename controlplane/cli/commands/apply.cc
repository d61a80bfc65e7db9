// SPDX-License-Identifier: Apache-2.0
//
// sluice apply: puts a policy in force.
#include <memory>

#include "controlplane/cli/commands/apply_terms.h"
#include "controlplane/cli/commands/change.h"
#include "controlplane/cli/input_files.h"

namespace sluice::controlplane::cli {
namespace {

struct ApplyOptions {
  ChangeOptions change;
  std::string plan;
  ApplyTerms terms;
  Format format = Format::kTable;
};

ExitCode read_plan(Session& session, const std::string& name, v1::ApplyRequest& request) {
  const absl::StatusOr<std::string> content = read_file(name);
  if (!content.ok()) return session.fail(ExitCode::kError, content.status());
  // A plan without its base would apply to whatever runs now, which is what plan files prevent.
  if (!request.ParseFromString(*content) || !request.change().has_base_revision()) {
    return session.fail(ExitCode::kError,
                        name + " is no plan file; sluice plan -o FILE.binpb writes one");
  }
  return ExitCode::kOk;
}

ExitCode apply(Session& session, const ApplyOptions& options) {
  if (options.plan.empty() == options.change.files.empty()) {
    return session.fail(ExitCode::kUsage, "apply needs either -f FILE or the file of a plan");
  }
  if (!options.plan.empty() && options.terms.strikes) {
    return session.fail(ExitCode::kUsage,
                        "a plan says itself whether it strikes: plan with --strike");
  }
  v1::ApplyRequest request;
  const ExitCode read = options.plan.empty()
                            ? read_change(session, options.change, *request.mutable_change())
                            : read_plan(session, options.plan, request);
  if (read != ExitCode::kOk) return read;
  set_terms(options.terms, request);

  v1::ApplyResponse response;
  const ExitCode code = session.call(request, response);
  if (code == ExitCode::kOk) show_applied(session, options.format, response);
  return code;
}

}  // namespace

void add_apply(Verbs& verbs) {
  const auto options = std::make_shared<ApplyOptions>();
  CLI::App& verb = verbs.add(
      "apply", "Put a policy in force",
      "sluice apply -f policy.yaml -m 'v2 for 10 %'\n"
      "  sluice plan -f policy.yaml -o v2.binpb && sluice apply v2.binpb --max-moved 2%\n"
      "  sluice apply -f policy.yaml --confirm-within 5m && sluice confirm\n"
      "While a revision waits to be confirmed, another apply is refused with exit code 6:\n"
      "sluice confirm keeps what waits, sluice rollback ends it at once.",
      [options](Session& session) { return apply(session, *options); });
  add_change(verb, options->change);
  verb.add_option("plan,--plan", options->plan, "A plan that sluice plan -o FILE.binpb saved")
      ->excludes("--prune")
      ->excludes("--base")
      ->type_name("FILE");
  add_terms(verb, options->terms);
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml, Format::kName});
}

}  // namespace sluice::controlplane::cli
