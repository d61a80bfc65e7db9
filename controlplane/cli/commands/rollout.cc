// SPDX-License-Identifier: Apache-2.0
//
// sluice rollout: what rollouts do, and telling them what to do.
#include "controlplane/cli/render/rollout.h"

#include <memory>

#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

using Action = v1::SteerRolloutRequest;
const std::vector<Format> kForms{Format::kTable, Format::kJson, Format::kYaml};

struct RolloutOptions {
  std::string name;
  std::string message;
  bool to_the_end = false;
  std::string metric;
  double value = 0;
  WatchOptions watch;
  Format format = Format::kTable;
};

ExitCode list(Session& session, const RolloutOptions& options) {
  v1::ListRolloutsResponse response;
  const ExitCode code = session.call(v1::ListRolloutsRequest(), response);
  if (code != ExitCode::kOk) return code;
  if (is_document(options.format)) {
    print_document(session.out(), options.format, items_of(response.rollouts()));
  } else if (options.format == Format::kName) {
    for (const v1::RolloutStatus& status : response.rollouts())
      session.out() << status.rollout() << '\n';
  } else {
    print_rollouts(session.out(), response.rollouts(), session.invocation().clock(),
                   session.palette());
  }
  return ExitCode::kOk;
}

// The object that the policy has under that name; empty where it has none any more.
ExitCode read_rollout(Session& session, const std::string& name, v1::Rollout& rollout) {
  v1::GetPolicyResponse response;
  const ExitCode code = session.call(v1::GetPolicyRequest(), response);
  for (const v1::Rollout& each : response.policy().rollouts()) {
    if (each.metadata().name() == name) rollout = each;
  }
  return code;
}

ExitCode show_status(Session& session, const RolloutOptions& options, const v1::Rollout& rollout) {
  v1::ListRolloutsRequest request;
  request.set_name(options.name);
  v1::ListRolloutsResponse response;
  const ExitCode code = session.call(request, response);
  if (code != ExitCode::kOk) return code;
  for (const v1::RolloutStatus& status : response.rollouts()) {
    if (is_document(options.format)) {
      print_document(session.out(), options.format, document_of(status));
    } else {
      print_progress(session.out(), status, rollout, session.invocation().clock(),
                     session.palette());
    }
  }
  return ExitCode::kOk;
}

ExitCode status(Session& session, const RolloutOptions& options) {
  v1::Rollout rollout;
  if (!is_document(options.format)) {
    const ExitCode code = read_rollout(session, options.name, rollout);
    if (code != ExitCode::kOk) return code;
  }
  return watch(session, options.watch, [&] { return show_status(session, options, rollout); });
}

ExitCode steer(Session& session, const RolloutOptions& options, Action::Action action) {
  v1::SteerRolloutRequest request;
  request.set_rollout(options.name);
  request.set_action(action);
  request.set_to_the_end(options.to_the_end);
  request.set_message(options.message);
  v1::SteerRolloutResponse response;
  const ExitCode code = session.call(request, response);
  if (code != ExitCode::kOk) return code;
  const v1::RolloutStatus& now = response.status();
  if (is_document(options.format)) {
    print_document(session.out(), options.format, document_of(now));
    return ExitCode::kOk;
  }
  fmt::print(session.out(), "rollout/{} {}, step {}, {:g} %: {}\n", now.rollout(),
             short_enum_text(v1::RolloutPhase_Name(now.phase()), "ROLLOUT_PHASE_"), now.step() + 1,
             now.weight() / 10'000.0, printable(now.reason()));
  return ExitCode::kOk;
}

ExitCode push_metric(Session& session, const RolloutOptions& options) {
  v1::PushMetricRequest request;
  request.set_rollout(options.name);
  request.set_metric(options.metric);
  request.set_value(options.value);
  v1::PushMetricResponse response;
  return session.call(request, response);
}

CLI::App& add_steering(Verbs& verbs, CLI::App& group, const std::string& word,
                       const std::string& about, Action::Action action,
                       const std::shared_ptr<RolloutOptions>& options) {
  CLI::App& verb = verbs.add_below(
      group, word, about, "sluice rollout " + word + " chat-v2 -m \"the error rate is fine\"",
      [options, action](Session& session) { return steer(session, *options, action); });
  verb.add_option("name", options->name, "The rollout")->required();
  verb.add_option("-m,--message", options->message, "Why, for the events");
  add_format(verb, options->format, kForms);
  return verb;
}

void add_looks(Verbs& verbs, CLI::App& group, const std::shared_ptr<RolloutOptions>& options) {
  CLI::App& all = verbs.add_below(group, "list", "List the rollouts", "sluice rollout list",
                                  [options](Session& session) { return list(session, *options); });
  add_format(all, options->format, {Format::kTable, Format::kJson, Format::kYaml, Format::kName});
  CLI::App& one =
      verbs.add_below(group, "status", "Show where a rollout stands and what its analysis says",
                      "sluice rollout status chat-v2 --watch",
                      [options](Session& session) { return status(session, *options); });
  one.add_option("name", options->name, "The rollout")->required();
  add_watch(one, options->watch);
  add_format(one, options->format, kForms);
}

}  // namespace

void add_rollout(Verbs& verbs) {
  const auto options = std::make_shared<RolloutOptions>();
  CLI::App& group = verbs.add_group("rollout", "Shift clients to another version, step by step");
  add_looks(verbs, group, options);
  add_steering(verbs, group, "start", "Start one that is declared paused, failed or was aborted",
               Action::ACTION_START, options);
  add_steering(verbs, group, "pause", "Hold it where it is", Action::ACTION_PAUSE, options);
  add_steering(verbs, group, "resume", "End a pause", Action::ACTION_RESUME, options);
  add_steering(verbs, group, "promote", "On to the next step, or past a pause",
               Action::ACTION_PROMOTE, options)
      .add_flag("--to-end", options->to_the_end, "To the last step at once");
  add_steering(verbs, group, "abort", "Back to the stable pool", Action::ACTION_ABORT, options);
  CLI::App& metric =
      verbs.add_below(group, "metric", "Push a value of a metric that gates the rollout",
                      "sluice rollout metric chat-v2 error_rate 0.012",
                      [options](Session& session) { return push_metric(session, *options); });
  metric.add_option("name", options->name, "The rollout")->required();
  metric.add_option("metric", options->metric, "The metric, as in its analysis")->required();
  metric.add_option("value", options->value, "Its value now")->required();
}

}  // namespace sluice::controlplane::cli
