// SPDX-License-Identifier: Apache-2.0
//
// sluice top: what is forwarded where, from two samples of the counters.
#include <map>
#include <memory>
#include <tuple>

#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

enum class Shown { kRates, kTotals };

struct TopOptions {
  Shown shown = Shown::kRates;
  WatchOptions watch;
  Format format = Format::kTable;
};

// Service, route, pool, backend.
using TargetName = std::tuple<std::string, std::string, std::string, std::string>;

struct Rate {
  double packets = 0;  // per second; likewise below
  double bytes = 0;
  double flows = 0;
};

struct Line {
  v1::TargetCounters total;  // over all nodes
  Rate rate;
};

using Lines = std::map<TargetName, Line>;

TargetName name_of(const v1::TargetCounters& target) {
  return {target.service(), target.route(), target.pool(), target.backend()};
}

void add_total(v1::TargetCounters& total, const v1::TargetCounters& target) {
  total.set_service(target.service());
  total.set_route(target.route());
  total.set_pool(target.pool());
  total.set_backend(target.backend());
  total.set_packets(total.packets() + target.packets());
  total.set_bytes(total.bytes() + target.bytes());
  total.set_flows_opened(total.flows_opened() + target.flows_opened());
  total.set_flows_active(total.flows_active() + target.flows_active());
  total.set_unrecorded_packets(total.unrecorded_packets() + target.unrecorded_packets());
  total.set_unrecorded_bytes(total.unrecorded_bytes() + target.unrecorded_bytes());
  total.set_unrecorded_syns(total.unrecorded_syns() + target.unrecorded_syns());
}

double difference(uint64_t now, uint64_t before) {
  return now >= before ? static_cast<double>(now - before) : 0;
}

// Adds what one node forwarded between its two samples, by the node's own clock.
void add_rates(Lines& lines, const v1::GetCountersResponse& before,
               const v1::GetCountersResponse& now) {
  const double seconds = absl::ToDoubleSeconds(time_of(now.time()) - time_of(before.time()));
  // A restarted node counts from zero again: there is nothing to compare.
  if (seconds <= 0 || before.incarnation() != now.incarnation()) return;
  std::map<TargetName, const v1::TargetCounters*> earlier;
  for (const v1::TargetCounters& target : before.targets())
    earlier[name_of(target)] = &target;
  static const v1::TargetCounters kNone;
  for (const v1::TargetCounters& target : now.targets()) {
    const auto found = earlier.find(name_of(target));
    const v1::TargetCounters& start = found == earlier.end() ? kNone : *found->second;
    Rate& rate = lines[name_of(target)].rate;
    rate.packets += difference(target.packets(), start.packets()) / seconds;
    rate.bytes += difference(target.bytes(), start.bytes()) / seconds;
    rate.flows += difference(target.flows_opened(), start.flows_opened()) / seconds;
  }
}

Lines lines_of(const v1::ListCountersResponse& before, const v1::ListCountersResponse& now) {
  Lines lines;
  for (const v1::GetCountersResponse& node : now.nodes()) {
    for (const v1::TargetCounters& target : node.targets()) {
      add_total(lines[name_of(target)].total, target);
    }
    for (const v1::GetCountersResponse& earlier : before.nodes()) {
      if (earlier.node() == node.node()) add_rates(lines, earlier, node);
    }
  }
  return lines;
}

// Of the service's packets: what a share is taken of.
std::map<std::string, double> weights_of(const Lines& lines, Shown shown) {
  std::map<std::string, double> weights;
  for (const auto& [name, line] : lines) {
    weights[line.total.service()] +=
        shown == Shown::kTotals ? static_cast<double>(line.total.packets()) : line.rate.packets;
  }
  return weights;
}

void print_lines(Session& session, const Lines& lines, Shown shown) {
  const std::vector<std::string> headers =
      shown == Shown::kTotals
          ? std::vector<std::string>{"SERVICE", "ROUTE",   "POOL",  "BACKEND", "ACTIVE",
                                     "FLOWS",   "PACKETS", "BYTES", "SHARE"}
          : std::vector<std::string>{"SERVICE", "ROUTE",     "POOL",    "BACKEND", "ACTIVE",
                                     "FLOWS/S", "PACKETS/S", "BYTES/S", "SHARE"};
  const std::map<std::string, double> weights = weights_of(lines, shown);
  TextTable table(headers);
  for (const auto& [name, line] : lines) {
    const v1::TargetCounters& total = line.total;
    const Rate figures = shown == Shown::kTotals ? Rate{static_cast<double>(total.packets()),
                                                        static_cast<double>(total.bytes()),
                                                        static_cast<double>(total.flows_opened())}
                                                 : line.rate;
    table.add({total.service(), total.route(), total.pool(), total.backend(),
               count_text(static_cast<double>(total.flows_active())), count_text(figures.flows),
               count_text(figures.packets), count_text(figures.bytes),
               percent_text(figures.packets, weights.at(total.service()))});
  }
  table.print(session.out(), session.palette());
}

Document document_of_lines(const Lines& lines, Shown shown) {
  Document items = Document::list();
  for (const auto& [name, line] : lines) {
    Document item = document_of(line.total);
    if (shown == Shown::kRates) {
      item.add("packets_per_second", Document::number(line.rate.packets))
          .add("bytes_per_second", Document::number(line.rate.bytes))
          .add("flows_per_second", Document::number(line.rate.flows));
    }
    items.append(std::move(item));
  }
  Document document = Document::object();
  document.add("items", std::move(items));
  return document;
}

ExitCode sample(Session& session, v1::ListCountersResponse& counters) {
  return session.call(v1::ListCountersRequest(), counters);
}

ExitCode top(Session& session, const TopOptions& options) {
  v1::ListCountersResponse before;
  v1::ListCountersResponse now;
  if (const ExitCode code = sample(session, now); code != ExitCode::kOk) return code;
  if (options.shown == Shown::kRates) {
    before.Swap(&now);
    if (!session.invocation().pause(options.watch.interval)) return ExitCode::kOk;
    if (const ExitCode code = sample(session, now); code != ExitCode::kOk) return code;
  }
  for (const std::string& node : now.unreachable()) {
    session.err() << "warning: node " << node << " does not answer and is left out\n";
  }
  const Lines lines = lines_of(before, now);
  if (is_document(options.format)) {
    print_document(session.out(), options.format, document_of_lines(lines, options.shown));
  } else {
    print_lines(session, lines, options.shown);
  }
  return ExitCode::kOk;
}

}  // namespace

void add_top(Verbs& verbs) {
  const auto options = std::make_shared<TopOptions>();
  CLI::App& verb =
      verbs.add("top", "Show what is forwarded where: rates between two samples, or totals",
                "sluice top --watch --interval 5s", [options](Session& session) {
                  return watch(session, options->watch, [&] { return top(session, *options); });
                });
  verb.add_flag_callback(
      "--once", [options] { options->shown = Shown::kTotals; },
      "Totals since the nodes started, at once");
  add_watch(verb, options->watch);
  add_format(verb, options->format, {Format::kTable, Format::kJson, Format::kYaml});
}

}  // namespace sluice::controlplane::cli
