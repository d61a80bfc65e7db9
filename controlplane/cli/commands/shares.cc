// SPDX-License-Identifier: Apache-2.0
//
// sluice shares: the shares that pools got against those that they should get.
#include <algorithm>
#include <memory>

#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/values.h"
#include "controlplane/cli/verbs.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

// A deviation that chance makes once in a thousand looks is worth a person's look.
constexpr double kSuspicious = 0.001;

struct SharesOptions {
  std::string service;
  std::string since;
  Format format = Format::kTable;
};

std::string p_text(double p_value) {
  return p_value < 1e-4 ? "<0.0001" : fmt::format("{:.4f}", p_value);
}

bool is_suspicious(const v1::ObservedShares& split) {
  return std::min(split.p_value_flows(), split.p_value_clients()) < kSuspicious;
}

void print_shares(Session& session, const v1::ListSharesResponse& response) {
  TextTable table({"SERVICE", "CLASS", "ROUTE", "POOL", "CONFIGURED", "FLOWS", "OF FLOWS",
                   "CLIENTS", "OF CLIENTS", "P FLOWS", "P CLIENTS"});
  for (const v1::ObservedShares& split : response.splits()) {
    const Colour colour = is_suspicious(split) ? Colour::kYellow : Colour::kNone;
    for (const v1::ObservedShare& pool : split.pools()) {
      const bool is_first = &pool == &split.pools(0);  // the test is of the whole split
      const auto flows = static_cast<double>(pool.flows());
      const auto clients = static_cast<double>(pool.clients());
      table.add({split.service(), split.client_class(), split.route(), pool.pool(),
                 percent_text(pool.configured(), 1'000'000), count_text(flows),
                 percent_text(flows, static_cast<double>(split.flows())), count_text(clients),
                 percent_text(clients, static_cast<double>(split.clients())),
                 is_first ? Cell(p_text(split.p_value_flows()), colour) : Cell(""),
                 is_first ? Cell(p_text(split.p_value_clients()), colour) : Cell("")});
    }
  }
  table.print(session.out(), session.palette());
}

ExitCode show_shares(Session& session, const SharesOptions& options) {
  v1::ListSharesRequest request;
  request.set_service(options.service);
  if (!options.since.empty()) {
    const absl::StatusOr<absl::Time> since =
        parse_time(options.since, session.invocation().clock());
    if (!since.ok()) return session.fail(ExitCode::kUsage, since.status());
    request.mutable_since()->set_seconds(absl::ToUnixSeconds(*since));
  }
  v1::ListSharesResponse response;
  const ExitCode code = session.call(request, response);
  if (code != ExitCode::kOk) return code;
  if (is_document(options.format)) {
    print_document(session.out(), options.format, items_of(response.splits()));
  } else {
    print_shares(session, response);
  }
  for (const v1::ObservedShares& split : response.splits()) {
    if (!is_suspicious(split)) continue;
    fmt::print(session.err(),
               "warning: class {} of service {} is not split as route {} says: by chance so only "
               "with p {} (flows), {} (clients)\n",
               split.client_class(), split.service(), split.route(), p_text(split.p_value_flows()),
               p_text(split.p_value_clients()));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_shares(Verbs& verbs) {
  const auto options = std::make_shared<SharesOptions>();
  CLI::App& verb = verbs.add(
      "shares", "Compare the shares that pools got with those configured", "sluice shares chat",
      [options](Session& session) { return show_shares(session, *options); });
  verb.add_option("service", options->service, "Only this service");
  verb.add_option("--since", options->since,
                  "Flows since then: RFC 3339, or how long ago; default since the last change");
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml});
}

}  // namespace sluice::controlplane::cli
