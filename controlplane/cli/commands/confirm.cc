// SPDX-License-Identifier: Apache-2.0
//
// sluice confirm: keeps a revision that would revert by itself.
#include <memory>

#include "controlplane/cli/verbs.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

ExitCode confirm(Session& session, uint64_t revision) {
  v1::ConfirmRequest request;
  request.set_revision(revision);
  v1::ConfirmResponse response;
  const ExitCode code = session.call(request, response);
  if (code == ExitCode::kOk) fmt::print(session.out(), "revision {} stays\n", response.revision());
  return code;
}

}  // namespace

void add_confirm(Verbs& verbs) {
  const auto revision = std::make_shared<uint64_t>(0);
  CLI::App& verb = verbs.add("confirm", "Keep a revision that apply --confirm-within would revert",
                             "sluice confirm",
                             [revision](Session& session) { return confirm(session, *revision); });
  verb.add_option("revision", *revision, "Default: whichever waits")->check(positive());
}

}  // namespace sluice::controlplane::cli
