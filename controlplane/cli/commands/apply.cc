// SPDX-License-Identifier: Apache-2.0
//
// sluice apply: puts a policy in force.
#include <memory>

#include "controlplane/cli/commands/change.h"
#include "controlplane/cli/input_files.h"

namespace sluice::controlplane::cli {
namespace {

struct ApplyOptions {
  ChangeOptions change;
  std::string plan;
  std::string author;
  std::string message;
  Format format = Format::kTable;
};

ExitCode read_plan(Session& session, const std::string& name, v1::ApplyRequest& request) {
  const absl::StatusOr<std::string> content = read_file(name);
  if (!content.ok()) return session.fail(ExitCode::kError, content.status());
  // A plan without its base would apply to whatever runs now, which is what plan files prevent.
  if (!request.ParseFromString(*content) || !request.change().has_base_revision()) {
    return session.fail(ExitCode::kError, name + " is no plan file; sluice plan --out writes one");
  }
  return ExitCode::kOk;
}

ExitCode apply(Session& session, const ApplyOptions& options) {
  if (options.plan.empty() == options.change.files.empty()) {
    return session.fail(ExitCode::kUsage, "apply needs either -f FILE or --plan FILE");
  }
  v1::ApplyRequest request;
  const ExitCode read = options.plan.empty()
                            ? read_change(session, options.change, *request.mutable_change())
                            : read_plan(session, options.plan, request);
  if (read != ExitCode::kOk) return read;
  request.set_author(options.author.empty() ? session.author() : options.author);
  if (!options.message.empty()) request.set_message(options.message);

  v1::ApplyResponse response;
  const ExitCode code = session.call(&v1::Control::Stub::Apply, request, response);
  if (code == ExitCode::kOk) show_applied(session, options.format, response);
  return code;
}

}  // namespace

void add_apply(Verbs& verbs) {
  const auto options = std::make_shared<ApplyOptions>();
  CLI::App& verb =
      verbs.add("apply", "Put a policy in force", "sluice apply -f policy.yaml -m 'v2 for 10 %'",
                [options](Session& session) { return apply(session, *options); });
  add_change(verb, options->change);
  verb.add_option("--plan", options->plan, "A plan that sluice plan --out saved")
      ->excludes("--prune")
      ->excludes("--base")
      ->type_name("FILE");
  add_authorship(verb, options->author, options->message);
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml, Format::kName});
}

}  // namespace sluice::controlplane::cli
