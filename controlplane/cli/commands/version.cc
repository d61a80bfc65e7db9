// SPDX-License-Identifier: Apache-2.0
//
// sluice version: of this program and of the controller.
#include "controlplane/cli/version.h"

#include <memory>

#include "controlplane/cli/verbs.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

struct VersionOptions {
  bool is_client_only = false;
  Format format = Format::kTable;
};

ExitCode show_version(Session& session, const VersionOptions& options) {
  v1::GetVersionResponse server;
  const ExitCode code =
      options.is_client_only ? ExitCode::kOk : session.call(v1::GetVersionRequest(), server);
  if (is_document(options.format)) {
    Document document = Document::object();
    document.add("client", Document::text(kVersion));
    if (!server.version().empty()) document.add("controller", Document::text(server.version()));
    print_document(session.out(), options.format, document);
    return code;
  }
  fmt::print(session.out(), "sluice {}\n", kVersion);
  if (!server.version().empty()) {
    fmt::print(session.out(), "sluice-controller {}\n", server.version());
  }
  return code;
}

}  // namespace

void add_version(Verbs& verbs) {
  const auto options = std::make_shared<VersionOptions>();
  CLI::App& verb = verbs.add(
      "version", "Show the versions of sluice and of the controller", "sluice version --client",
      [options](Session& session) { return show_version(session, *options); });
  verb.add_flag("--client", options->is_client_only, "Ask no controller");
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml});
}

}  // namespace sluice::controlplane::cli
