// SPDX-License-Identifier: Apache-2.0
//
// sluice drain, sluice undrain: whether a pool or a backend gets new flows.
#include <memory>

#include "absl/strings/str_split.h"
#include "controlplane/cli/kinds.h"
#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/plan.h"
#include "controlplane/cli/verbs.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

struct DrainOptions {
  std::vector<std::string> targets;
  std::string author;
  Format format = Format::kTable;
};

// "pool/NAME" or "backend/POOL/NAME". Errors: INVALID_ARGUMENT.
absl::StatusOr<v1::Override> parse_drain(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  v1::Override target;
  const Kind* kind = find_kind(parts[0]);
  const bool is_pool = kind != nullptr && std::string_view(kind->name) == "Pool";
  const bool is_backend = parts[0] == "backend" || parts[0] == "backends";
  if (is_pool && parts.size() == 2 && !parts[1].empty()) {
    target.set_pool(parts[1]);
    return target;
  }
  if (is_backend && parts.size() == 3 && !parts[1].empty() && !parts[2].empty()) {
    target.set_pool(parts[1]);
    target.set_backend(parts[2]);
    return target;
  }
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" cannot be drained; write pool/NAME or backend/POOL/NAME", text));
}

std::string text_of(const v1::Override& target) {
  return target.backend().empty() ? "pool/" + target.pool()
                                  : "backend/" + target.pool() + "/" + target.backend();
}

ExitCode set_overrides(Session& session, const DrainOptions& options, v1::Override::State state) {
  std::vector<v1::Override> targets;
  for (const std::string& text : options.targets) {
    const absl::StatusOr<v1::Override> target = parse_drain(text);
    if (!target.ok()) return session.fail(ExitCode::kUsage, target.status());
    targets.push_back(*target);
  }
  for (v1::Override& target : targets) {
    target.set_state(state);
    v1::SetOverrideRequest request;
    *request.mutable_override() = target;
    request.set_author(options.author.empty() ? session.author() : options.author);
    v1::SetOverrideResponse response;
    const ExitCode code = session.call(&v1::Control::Stub::SetOverride, request, response);
    if (code != ExitCode::kOk) return code;
    if (is_document(options.format)) {
      print_document(session.out(), options.format, document_of(response));
      continue;
    }
    const bool drains = state == v1::Override::STATE_DRAINING;
    // No node was told anything: there was no such drain.
    const char* lifted = response.nodes().empty() ? "not drained" : "no longer drained";
    fmt::print(session.out(), "{} {}, generation {}\n", text_of(target),
               drains ? "draining: keeps its flows, gets no new ones" : lifted,
               response.generation());
    print_nodes(session.out(), response.nodes(), session.palette());
  }
  return ExitCode::kOk;
}

void add_one(Verbs& verbs, const std::string& name, const std::string& about,
             v1::Override::State state) {
  const auto options = std::make_shared<DrainOptions>();
  CLI::App& verb = verbs.add(
      name, about, "sluice " + name + " backend/chat-v1-eu/v1-a",
      [options, state](Session& session) { return set_overrides(session, *options, state); });
  verb.add_option("targets", options->targets, "pool/NAME or backend/POOL/NAME of each")
      ->required();
  verb.add_option("--author", options->author, "Who, for the controller's log; default $USER");
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml});
}

}  // namespace

void add_drain(Verbs& verbs) {
  add_one(verbs, "drain", "Give a pool or backend no new flows; its flows stay",
          v1::Override::STATE_DRAINING);
  add_one(verbs, "undrain", "Lift a drain", v1::Override::STATE_UNSPECIFIED);
}

}  // namespace sluice::controlplane::cli
