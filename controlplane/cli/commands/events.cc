// SPDX-License-Identifier: Apache-2.0
//
// sluice events: every step of the control plane, by people and by itself.
#include <memory>

#include "controlplane/cli/render/message.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

struct EventsOptions {
  v1::ListEventsRequest request;
  WatchOptions watch;
  Format format = Format::kTable;
};

Cell outcome_cell(const v1::Event& event) {
  const std::string text = short_enum_text(v1::Event::Outcome_Name(event.outcome()), "OUTCOME_");
  switch (event.outcome()) {
    case v1::Event::OUTCOME_DONE:
      return {text, Colour::kGreen};
    case v1::Event::OUTCOME_REFUSED:
      return {text, Colour::kRed};
    default:
      return {text, Colour::kYellow};
  }
}

void print_events(Session& session, const v1::ListEventsResponse& response, Format format) {
  if (is_document(format)) {
    print_document(session.out(), format, items_of(response.events()));
    return;
  }
  std::vector<std::string> headers{"EVENT", "TIME", "KIND", "ACTOR", "TARGET", "OUTCOME", "REASON"};
  if (format == Format::kWide) headers.insert(headers.end(), {"REVISION", "GENERATION", "DETAILS"});
  TextTable table(std::move(headers));
  for (const v1::Event& event : response.events()) {
    std::vector<Cell> row{fmt::format("{}", event.sequence()),
                          time_text(event.time()),
                          event.kind(),
                          or_dash(printable(event.actor())),
                          or_dash(printable(event.target())),
                          outcome_cell(event),
                          or_dash(printable(event.reason()))};
    if (format == Format::kWide) {
      row.insert(row.end(),
                 {fmt::format("{}", event.revision()), fmt::format("{}", event.generation()),
                  or_dash(printable(labels_text(event.details())))});
    }
    table.add(std::move(row));
  }
  table.print(session.out(), session.palette());
}

// A watch goes on where the last look ended.
ExitCode show_events(Session& session, const EventsOptions& options) {
  v1::ListEventsRequest request = options.request;
  for (;;) {
    v1::ListEventsResponse response;
    const ExitCode code = session.call(request, response);
    if (code != ExitCode::kOk) return code;
    if (!response.events().empty() || !options.watch.is_wanted)
      print_events(session, response, options.format);
    session.out() << std::flush;
    if (!response.events().empty())
      request.set_after(response.events(response.events_size() - 1).sequence());
    if (!options.watch.is_wanted || !session.out()) return ExitCode::kOk;
    if (!session.invocation().pause(options.watch.interval)) return ExitCode::kOk;
  }
}

}  // namespace

void add_events(Verbs& verbs) {
  const auto options = std::make_shared<EventsOptions>();
  CLI::App& verb =
      verbs.add("events", "List what was done, refused and happened by itself, oldest first",
                "sluice events --kind recall -w",
                [options](Session& session) { return show_events(session, *options); });
  verb.add_option("--kind", *options->request.mutable_kind(),
                  "Only events of this kind, or whose kind begins so: apply, recall, rollout");
  verb.add_option("--target", *options->request.mutable_target(),
                  "Only events about this: revision/7, pool/chat-v2-eu, change/3");
  verb.add_option_function<uint64_t>(
          "--after", [options](uint64_t after) { options->request.set_after(after); },
          "Only events after this number; default the newest")
      ->check(positive());
  verb.add_option_function<uint32_t>(
          "--limit", [options](uint32_t limit) { options->request.set_limit(limit); },
          "How many; default 100")
      ->check(CLI::Range(1, 10000));
  add_watch(verb, options->watch);
  add_format(verb, options->format, {Format::kTable, Format::kWide, Format::kJson, Format::kYaml});
}

}  // namespace sluice::controlplane::cli
