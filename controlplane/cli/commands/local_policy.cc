// SPDX-License-Identifier: Apache-2.0
//
// Runs the controller's own validation and planning on local files.
#include "controlplane/cli/commands/local_policy.h"

#include "controlplane/cli/commands/change.h"
#include "controlplane/policy/validate.h"
#include "fmt/format.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

ExitCode refuse(Session& session, const Violations& violations, std::string_view what) {
  for (const Violation& violation : violations) {
    fmt::print(session.err(), "{}\n", violation.to_string());
  }
  return session.fail(ExitCode::kError, fmt::format("{} {}{}", violations.size(), what,
                                                    violations.size() == 1 ? "" : "s"));
}

}  // namespace

ExitCode load_policy(Session& session, const std::vector<std::string>& files, LocalPolicy& policy) {
  std::vector<v1::PolicyFile> read;
  if (const ExitCode code = read_files(session, files, read); code != ExitCode::kOk) return code;
  std::vector<SourceFile> sources;
  for (v1::PolicyFile& file : read)
    sources.push_back({file.name(), file.yaml()});

  Violations violations;
  policy.parsed = parse_policy(sources, violations);
  require_objects(sources, policy.parsed.policy, violations);
  policy.clients = client_sets(policy.parsed.policy);
  validate_policy(policy.parsed.policy, policy.clients, policy.parsed.source, violations);
  return violations.empty() ? ExitCode::kOk : refuse(session, violations, "violation");
}

ExitCode fetch_policy(Session& session, LocalPolicy& policy) {
  v1::GetPolicyResponse response;
  const ExitCode code = session.call(v1::GetPolicyRequest(), response);
  if (code != ExitCode::kOk) return code;
  if (response.revision() == 0)
    return session.fail(ExitCode::kNotFound, "no policy is in force yet");
  policy.parsed.policy = std::move(*response.mutable_policy());
  policy.clients = client_sets(policy.parsed.policy);
  return ExitCode::kOk;
}

ExitCode compile_files(Session& session, const std::vector<std::string>& files,
                       const TableHeader& header, v1::ForwardingTable& table) {
  LocalPolicy policy;
  if (const ExitCode code = load_policy(session, files, policy); code != ExitCode::kOk) return code;
  const CompileOptions options{.now_unix_s = absl::ToUnixSeconds(session.invocation().clock())};
  CompileResult compiled =
      compile_policy(policy.parsed.policy, policy.clients, policy.parsed.source, header, options);
  for (const Violation& warning : compiled.warnings) {
    fmt::print(session.err(), "warning: {}\n", warning.to_string());
  }
  if (!compiled.refusals.empty()) return refuse(session, compiled.refusals, "guardrail refusal");
  table = *compiled.table;
  return ExitCode::kOk;
}

}  // namespace sluice::controlplane::cli
