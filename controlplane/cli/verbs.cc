// SPDX-License-Identifier: Apache-2.0
//
// Options that several verbs share.
#include "controlplane/cli/verbs.h"

#include "absl/strings/numbers.h"
#include "controlplane/cli/values.h"
#include "dataplane/net/ip_address.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

// A watch at full speed would be load on the controller, and no human reads it.
constexpr absl::Duration kWatchIntervalMin = absl::Milliseconds(100);

// What is wrong with `text`; empty: nothing.
std::string check_clients(const std::string& text) {
  if (dataplane::IpPrefix::parse(text)) return "";
  return fmt::format("\"{}\" is no address and no prefix; write 198.51.100.7 or 198.51.100.0/24",
                     text);
}

const char* name_of(Format format) {
  switch (format) {
    case Format::kTable:
      return "table";
    case Format::kWide:
      return "wide";
    case Format::kJson:
      return "json";
    case Format::kYaml:
      return "yaml";
    case Format::kName:
      break;
  }
  return "name";
}

}  // namespace

CLI::App& Verbs::add_below(CLI::App& parent, const std::string& name, const std::string& about,
                           const std::string& example, Action action) {
  CLI::App& verb = *parent.add_subcommand(name, about);
  if (!example.empty()) verb.footer("Example:\n  " + example);
  verb.callback([this, action = std::move(action)] { chosen_ = action; });
  return verb;
}

CLI::App& Verbs::add_group(const std::string& name, const std::string& about) {
  CLI::App& group = *app_.add_subcommand(name, about);
  group.require_subcommand(1);
  return group;
}

void add_format(CLI::App& verb, Format& format, const std::vector<Format>& allowed) {
  std::map<std::string, Format> by_name;
  for (const Format one : allowed)
    by_name[name_of(one)] = one;
  verb.add_option_function<std::string>(
          "-o,--output", [&format, by_name](const std::string& name) { format = by_name.at(name); },
          "Form of the output")
      ->check(CLI::IsMember(by_name))
      ->type_name("FORM");
}

void add_flow_filter(CLI::App& verb, v1::FlowFilter& filter) {
  const auto add = [&verb](const std::string& name, std::string* value, const std::string& about) {
    return verb.add_option(name, *value, about);
  };
  add("--client", filter.mutable_client_prefix(), "Only clients in this address or prefix")
      ->check(check_clients);
  add("--service", filter.mutable_service(), "Only this service");
  add("--class", filter.mutable_client_class(), "Only this client class");
  add("--route", filter.mutable_route(), "Only this route");
  add("--pool", filter.mutable_pool(), "Only this pool");
  add("--backend", filter.mutable_backend(), "Only this backend");
  add("--node", filter.mutable_node(), "Only this node");
  const auto set_port = [&filter](uint32_t port) { filter.set_client_port(port); };
  const auto set_flow = [&filter](uint64_t flow) { filter.set_flow_id(flow); };
  verb.add_option_function<uint32_t>("--client-port", set_port, "Only this port of the client")
      ->check(CLI::Range(1, 65535));
  verb.add_option_function<uint64_t>("--flow", set_flow, "Only this flow id");
}

void add_authorship(CLI::App& verb, std::string& author, std::string& message) {
  verb.add_option("-m,--message", message, "Why, for the history");
  verb.add_option("--author", author,
                  "Who, for the history; default the user or the certificate that asks");
}

void add_watch(CLI::App& verb, WatchOptions& options) {
  verb.add_flag("-w,--watch", options.is_wanted, "Show it again and again");
  add_duration(verb, "--interval", options.interval, "Time between two looks; default 2s")
      ->check([](const std::string& text) {
        const absl::StatusOr<absl::Duration> interval = parse_duration(text);
        const bool is_short = interval.ok() && *interval < kWatchIntervalMin;
        return is_short ? fmt::format("{} is too short; write 100ms or more", text) : "";
      });
}

ExitCode watch(Session& session, const WatchOptions& options,
               const std::function<ExitCode()>& show) {
  const bool clears = options.is_wanted && session.invocation().output_to == OutputTo::kTerminal;
  while (true) {
    if (clears) session.out() << "\x1b[H\x1b[2J";
    const ExitCode code = show();
    session.out() << std::flush;
    if (code != ExitCode::kOk || !options.is_wanted || !session.out()) return code;
    if (!session.invocation().pause(options.interval)) return ExitCode::kOk;
  }
}

CLI::Option* add_duration(CLI::App& verb, const std::string& name, absl::Duration& value,
                          const std::string& about) {
  return verb
      .add_option_function<std::string>(
          name,
          [name, &value](const std::string& text) {
            const absl::StatusOr<absl::Duration> parsed = parse_duration(text);
            if (!parsed.ok()) {
              throw CLI::ValidationError(name, std::string(parsed.status().message()));
            }
            if (*parsed <= absl::ZeroDuration()) {
              throw CLI::ValidationError(
                  name, fmt::format("{} is no time to wait; write 30s or 5m", text));
            }
            value = *parsed;
          },
          about)
      ->type_name("DURATION");
}

CLI::Validator positive() {
  return CLI::Validator(
      [](std::string& text) {
        uint64_t number = 0;
        if (absl::SimpleAtoi(text, &number) && number > 0) return std::string();
        return fmt::format("\"{}\" is no whole number above 0", text);
      },
      "POSITIVE");
}

CLI::Validator whole_number() {
  return CLI::Validator(
      [](std::string& text) {
        uint64_t number = 0;
        if (absl::SimpleAtoi(text, &number)) return std::string();
        return fmt::format("\"{}\" is no whole number from 0", text);
      },
      "NUMBER");
}

void print_document(std::ostream& out, Format format, const Document& document) {
  out << (format == Format::kJson ? document.to_json() : document.to_yaml());
}

}  // namespace sluice::controlplane::cli
