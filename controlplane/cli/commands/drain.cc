// SPDX-License-Identifier: Apache-2.0
//
// sluice drain, sluice undrain: whether a pool or a backend gets new flows.
#include <memory>

#include "controlplane/cli/commands/override_target.h"
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

// A recall is not lifted by the way: that takes its own words.
ExitCode check_not_recalled(Session& session, const std::vector<v1::Override>& targets) {
  v1::GetPolicyResponse policy;
  const ExitCode code = session.call(&v1::Control::Stub::GetPolicy, v1::GetPolicyRequest(), policy);
  if (code != ExitCode::kOk) return code;
  for (const v1::Override& target : targets) {
    for (const v1::Override& known : policy.overrides()) {
      if (known.state() != v1::Override::STATE_RECALLED || text_of(known) != text_of(target))
        continue;
      return session.fail(ExitCode::kConflict,
                          fmt::format("{0} is recalled, not drained; sluice recall {0} --lift "
                                      "lets it serve again",
                                      text_of(target)));
    }
  }
  return ExitCode::kOk;
}

ExitCode set_overrides(Session& session, const DrainOptions& options, v1::Override::State state) {
  std::vector<v1::Override> targets;
  for (const std::string& text : options.targets) {
    const absl::StatusOr<v1::Override> target = parse_override_target(text);
    if (!target.ok()) return session.fail(ExitCode::kUsage, target.status());
    targets.push_back(*target);
  }
  if (state == v1::Override::STATE_UNSPECIFIED) {
    const ExitCode checked = check_not_recalled(session, targets);
    if (checked != ExitCode::kOk) return checked;
  }
  for (v1::Override& target : targets) {
    target.set_state(state);
    v1::SetOverrideRequest request;
    *request.mutable_override() = target;
    request.set_author(options.author);
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
  verb.add_option("--author", options->author,
                  "Who, for the events; default the user or the certificate that asks");
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml});
}

}  // namespace

void add_drain(Verbs& verbs) {
  add_one(verbs, "drain", "Give a pool or backend no new flows; its flows stay",
          v1::Override::STATE_DRAINING);
  add_one(verbs, "undrain", "Lift a drain", v1::Override::STATE_UNSPECIFIED);
}

}  // namespace sluice::controlplane::cli
