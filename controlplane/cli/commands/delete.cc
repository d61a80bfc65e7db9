// SPDX-License-Identifier: Apache-2.0
//
// sluice delete: takes objects out of the policy.
#include <memory>

#include "controlplane/cli/commands/apply_terms.h"
#include "controlplane/cli/commands/change.h"
#include "controlplane/cli/kinds.h"

namespace sluice::controlplane::cli {
namespace {

struct DeleteOptions {
  std::vector<std::string> objects;
  std::optional<uint64_t> base;
  ApplyTerms terms;
  Format format = Format::kTable;
};

ExitCode read_deletions(Session& session, const DeleteOptions& options, v1::Change& change) {
  v1::GetPolicyResponse running;
  const ExitCode code = session.call(v1::GetPolicyRequest(), running);
  if (code != ExitCode::kOk) return code;
  for (const std::string& text : options.objects) {
    const absl::StatusOr<ObjectName> name = parse_object_name(text);
    if (!name.ok()) return session.fail(ExitCode::kUsage, name.status());
    if (find_object(running.policy(), *name) == nullptr) {
      return session.fail(ExitCode::kNotFound, "there is no " + name->to_string());
    }
    change.add_deletions(name->to_string());
  }
  return ExitCode::kOk;
}

ExitCode delete_objects(Session& session, const DeleteOptions& options) {
  v1::ApplyRequest request;
  const ExitCode read = read_deletions(session, options, *request.mutable_change());
  if (read != ExitCode::kOk) return read;
  if (options.base) request.mutable_change()->set_base_revision(*options.base);
  set_terms(options.terms, request);

  v1::ApplyResponse response;
  const ExitCode code = session.call(request, response);
  if (code == ExitCode::kOk) show_applied(session, options.format, response);
  return code;
}

}  // namespace

void add_delete(Verbs& verbs) {
  const auto options = std::make_shared<DeleteOptions>();
  CLI::App& verb = verbs.add(
      "delete", "Delete objects from the policy", "sluice delete route/chat-eu pool/chat-v1",
      [options](Session& session) { return delete_objects(session, *options); });
  verb.add_option("objects", options->objects, "KIND/NAME of each")->required();
  verb.add_option("--base", options->base, "The change is for this revision only")
      ->check(whole_number())
      ->type_name("REVISION");
  add_terms(verb, options->terms);
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml, Format::kName});
}

}  // namespace sluice::controlplane::cli
