// SPDX-License-Identifier: Apache-2.0
//
// sluice validate: whether files are a policy, with no controller.
#include <memory>

#include "controlplane/cli/commands/change.h"
#include "controlplane/cli/commands/local_policy.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

ExitCode validate(Session& session, const std::vector<std::string>& files) {
  v1::ForwardingTable table;
  TableHeader header;
  header.steering_key = test_steering_key();
  const ExitCode code = compile_files(session, files, header, table);
  if (code != ExitCode::kOk) return code;
  fmt::print(session.out(), "valid: {} services, {} routes, {} pools, {} client classes\n",
             table.services_size(), table.routes_size(), table.pools_size(),
             table.client_classes_size());
  return ExitCode::kOk;
}

}  // namespace

void add_validate(Verbs& verbs) {
  const auto files = std::make_shared<std::vector<std::string>>();
  CLI::App& verb =
      verbs.add("validate", "Check policy files as a whole policy; needs no controller",
                "sluice validate -f policies/ -f overrides.yaml",
                [files](Session& session) { return validate(session, *files); });
  add_files(verb, *files);
  verb.get_option("--filename")->required();
}

}  // namespace sluice::controlplane::cli
