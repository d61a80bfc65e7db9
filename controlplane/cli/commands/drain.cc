// SPDX-License-Identifier: Apache-2.0
//
// sluice drain, sluice undrain: whether a pool or a backend gets new flows.
#include <algorithm>
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
  std::string message;
  Format format = Format::kTable;
};

// Whether `overrides` names this very pool or backend.
bool names(const google::protobuf::RepeatedPtrField<v1::Override>& overrides,
           const v1::Override& target) {
  return std::any_of(overrides.begin(), overrides.end(),
                     [&](const v1::Override& each) { return text_of(each) == text_of(target); });
}

// A recall is not lifted by the way: that takes its own words.
ExitCode check_not_recalled(Session& session, const std::vector<v1::Override>& targets,
                            v1::GetPolicyResponse& policy) {
  const ExitCode code = session.call(v1::GetPolicyRequest(), policy);
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

ExitCode parse_targets(Session& session, const DrainOptions& options, v1::Override::State state,
                       std::vector<v1::Override>& targets) {
  for (const std::string& text : options.targets) {
    const absl::StatusOr<v1::Override> target = parse_override_target(text);
    if (!target.ok()) return session.fail(ExitCode::kUsage, target.status());
    targets.push_back(*target);
    targets.back().set_state(state);
  }
  return ExitCode::kOk;
}

ExitCode set_overrides(Session& session, const DrainOptions& options, v1::Override::State state) {
  const bool drains = state == v1::Override::STATE_DRAINING;
  std::vector<v1::Override> targets;
  v1::GetPolicyResponse before;
  ExitCode code = parse_targets(session, options, state, targets);
  if (code == ExitCode::kOk && !drains) code = check_not_recalled(session, targets, before);
  if (code != ExitCode::kOk) return code;

  v1::SetOverrideRequest request;  // one for all of them, so that none is left alone
  *request.mutable_override() = targets.front();
  *request.mutable_others() = {targets.begin() + 1, targets.end()};
  request.set_author(options.author);
  request.set_message(options.message);
  v1::SetOverrideResponse response;
  code = session.call(request, response);
  if (code != ExitCode::kOk) return code;
  if (is_document(options.format)) {
    print_document(session.out(), options.format, document_of(response));
    return ExitCode::kOk;
  }
  for (const v1::Override& target : targets) {
    const char* lifted = names(before.overrides(), target) ? "no longer drained" : "not drained";
    fmt::print(session.out(), "{} {}, generation {}\n", text_of(target),
               drains ? "draining: keeps its flows, gets no new ones" : lifted,
               response.generation());
  }
  print_nodes(session.out(), response.nodes(), session.palette());
  return ExitCode::kOk;
}

void add_one(Verbs& verbs, const std::string& name, const std::string& about,
             v1::Override::State state) {
  const auto options = std::make_shared<DrainOptions>();
  CLI::App& verb = verbs.add(
      name, about, "sluice " + name + " backend/chat-v1-eu/v1-a",
      [options, state](Session& session) { return set_overrides(session, *options, state); });
  verb.add_option("targets", options->targets,
                  "pool/NAME or backend/POOL/NAME of each; all of them or none")
      ->required();
  verb.add_option("-m,--message", options->message, "Why, for the events");
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
