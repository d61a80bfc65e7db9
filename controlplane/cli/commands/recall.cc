// SPDX-License-Identifier: Apache-2.0
//
// sluice recall, sluice get recalls: a pool or a backend serves nobody any more, from this moment.
#include <memory>

#include "controlplane/cli/commands/override_target.h"
#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

struct RecallOptions {
  std::vector<std::string> targets;
  std::string reason;
  std::string author;
  bool lifts = false;
  Format format = Format::kTable;
};

std::string target_text(const v1::RecallCertificate& certificate) {
  v1::Override target;
  target.set_pool(certificate.pool());
  target.set_backend(certificate.backend());
  return text_of(target);
}

std::string node_text(const v1::NodeRecall& node) {
  if (!node.is_reachable() && !node.has_status()) return "not reachable: cut when it returns";
  if (!node.has_status()) return "not known yet";
  const std::string state = node.status().is_swept() && node.status().residual() == 0
                                ? ""
                                : ", not all were looked at yet";
  return fmt::format("flows cut {}, residual {}{}{}", node.status().flows_cut(),
                     node.status().residual(), state,
                     node.is_reachable() ? "" : ", not reachable now");
}

void print_certificate(Session& session, const v1::RecallCertificate& certificate) {
  fmt::print(session.out(), "{} recalled at {} by {}: {}; {}\n", target_text(certificate),
             time_text(certificate.time()), or_dash(printable(certificate.author())),
             printable(certificate.reason()),
             session.palette().paint(certificate.is_complete() ? Colour::kGreen : Colour::kRed,
                                     certificate.is_complete() ? "complete" : "incomplete"));
  for (const v1::NodeRecall& node : certificate.nodes())
    fmt::print(session.out(), "  node {}: {}\n", node.node(), node_text(node));
}

std::string open_nodes(const v1::RecallCertificate& certificate) {
  std::string names;
  for (const v1::NodeRecall& node : certificate.nodes()) {
    const bool is_done =
        node.has_status() && node.status().is_swept() && node.status().residual() == 0;
    if (!is_done) names += (names.empty() ? "" : ", ") + node.node();
  }
  return names;
}

ExitCode recall_one(Session& session, const RecallOptions& options, const v1::Override& target) {
  v1::SetOverrideRequest request;
  *request.mutable_override() = target;
  if (options.lifts) {
    request.set_lifts(v1::Override::STATE_RECALLED);
  } else {
    request.mutable_override()->set_state(v1::Override::STATE_RECALLED);
  }
  request.set_message(options.reason);
  request.set_author(options.author);
  v1::SetOverrideResponse response;
  const ExitCode code = session.call(request, response);
  if (code != ExitCode::kOk) return code;
  if (is_document(options.format)) {
    print_document(session.out(), options.format, document_of(response));
  } else if (options.lifts) {
    fmt::print(session.out(), "{} {}, generation {}\n", text_of(target),
               response.nodes().empty() ? "not recalled" : "no longer recalled",
               response.generation());
  } else {
    print_certificate(session, response.certificate());
  }
  if (options.lifts || response.certificate().is_complete()) return ExitCode::kOk;
  return session.fail(
      ExitCode::kTimeout,
      fmt::format("the recall of {} is incomplete on {}; it goes on by itself, and sluice get "
                  "recalls shows how far it is",
                  text_of(target), open_nodes(response.certificate())));
}

bool is_known(const v1::Override& target, const v1::GetPolicyResponse& known) {
  for (const v1::Override& one : known.overrides()) {
    if (text_of(one) == text_of(target)) return true;
  }
  for (const v1::Pool& pool : known.policy().pools()) {
    if (pool.metadata().name() != target.pool()) continue;
    if (target.backend().empty()) return true;
    for (const v1::Backend& backend : pool.spec().backends()) {
      if (backend.name() == target.backend()) return true;
    }
  }
  return false;
}

// Each is recalled by a call of its own, so a misspelt one is found before the first.
ExitCode check_known(Session& session, const RecallOptions& options,
                     const std::vector<v1::Override>& targets) {
  v1::GetPolicyResponse known;
  const ExitCode code = session.call(v1::GetPolicyRequest(), known);
  if (code != ExitCode::kOk) return code;
  ExitCode result = ExitCode::kOk;
  for (const v1::Override& target : targets) {
    if (is_known(target, known)) continue;
    result = session.fail(ExitCode::kNotFound,
                          fmt::format("there is no {}; nothing is {}", text_of(target),
                                      options.lifts ? "lifted" : "recalled"));
  }
  return result;
}

ExitCode recall(Session& session, const RecallOptions& options) {
  if (options.reason.empty() && !options.lifts)
    return session.fail(ExitCode::kUsage, "a recall needs a --reason");
  std::vector<v1::Override> targets;
  for (const std::string& text : options.targets) {
    const absl::StatusOr<v1::Override> target = parse_override_target(text);
    if (!target.ok()) return session.fail(ExitCode::kUsage, target.status());
    targets.push_back(*target);
  }
  if (targets.size() > 1) {
    const ExitCode code = check_known(session, options, targets);
    if (code != ExitCode::kOk) return code;
  }
  // One that stays incomplete does not keep the others from being recalled.
  ExitCode worst = ExitCode::kOk;
  for (const v1::Override& target : targets) {
    const ExitCode code = recall_one(session, options, target);
    if (code != ExitCode::kOk && code != ExitCode::kTimeout) return code;
    if (code != ExitCode::kOk) worst = code;
  }
  return worst;
}

}  // namespace

ExitCode show_recalls(Session& session, Format format) {
  v1::ListRecallsResponse response;
  const ExitCode code = session.call(v1::ListRecallsRequest(), response);
  if (code != ExitCode::kOk) return code;
  if (is_document(format)) {
    print_document(session.out(), format, items_of(response.recalls()));
    return ExitCode::kOk;
  }
  for (const v1::RecallCertificate& certificate : response.recalls())
    print_certificate(session, certificate);
  return ExitCode::kOk;
}

void add_recall(Verbs& verbs) {
  const auto options = std::make_shared<RecallOptions>();
  CLI::App& verb = verbs.add(
      "recall",
      "Cut every flow of a pool or backend and give it no new ones; exit code 7 while a node has "
      "not done so",
      "sluice recall pool/chat-v2-eu --reason 'answers with secrets'\n"
      "  sluice recall pool/chat-v2-eu --lift\n"
      "Neither apply nor rollback lifts a recall.",
      [options](Session& session) { return recall(session, *options); });
  verb.add_option("targets", options->targets,
                  "pool/NAME or backend/POOL/NAME of each; none when one is unknown")
      ->required();
  verb.add_option("--reason", options->reason, "Why, for the certificate; required unless --lift");
  verb.add_flag("--lift", options->lifts, "It may serve again");
  verb.add_option("--author", options->author,
                  "Who, for the events; default the user or the certificate that asks");
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml});
}

}  // namespace sluice::controlplane::cli
