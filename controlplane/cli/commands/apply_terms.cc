// SPDX-License-Identifier: Apache-2.0
//
// On what terms a change is applied: options that apply, delete and rollback share.
#include "controlplane/cli/commands/apply_terms.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

constexpr double kPartsPerPercent = 10'000;

// "2%" or "0.5%". Throws what the argument parser reports.
uint32_t parse_percent(const std::string& text) {
  absl::string_view number = text;
  double percent = 0;
  const bool is_percent = absl::ConsumeSuffix(&number, "%") && absl::SimpleAtod(number, &percent) &&
                          percent >= 0 && percent <= 100;
  if (!is_percent) {
    throw CLI::ValidationError("--max-moved",
                               fmt::format("\"{}\" is no part of all clients; write 2%", text));
  }
  return static_cast<uint32_t>(std::lround(percent * kPartsPerPercent));
}

template <class Request>
void set_common(const ApplyTerms& terms, Request& request) {
  if (!terms.author.empty()) request.set_author(terms.author);
  if (!terms.message.empty()) request.set_message(terms.message);
  if (!terms.ticket.empty()) request.set_ticket(terms.ticket);
  if (terms.max_moved) request.set_max_moved(*terms.max_moved);
  if (terms.breaks_glass) request.set_break_glass(true);
  if (terms.confirm_within == absl::ZeroDuration()) return;
  absl::Duration rest;
  request.mutable_confirm_within()->set_seconds(
      absl::IDivDuration(terms.confirm_within, absl::Seconds(1), &rest));
  request.mutable_confirm_within()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

}  // namespace

void add_terms(CLI::App& verb, ApplyTerms& terms) {
  add_authorship(verb, terms.author, terms.message);
  verb.add_option("--ticket", terms.ticket, "Where it was decided, for the history");
  verb.add_option_function<std::string>(
          "--max-moved",
          [&terms](const std::string& text) { terms.max_moved = parse_percent(text); },
          "Refuse it when more than this part of any service's clients, or of a node's live flows, "
          "would move: 2%")
      ->type_name("PERCENT");
  add_duration(verb, "--confirm-within", terms.confirm_within,
               "Revert by itself after this time unless sluice confirm keeps it");
  verb.add_flag("--strike", terms.strikes,
                "Compile out the pools that guardrails forbid instead of refusing the change");
  CLI::Option* glass = verb.add_flag(
      "--break-glass", terms.breaks_glass,
      "Without approvals, for an hour at most (--confirm-within: shorter); admins only, and loud");
  verb.add_option("--reason", terms.message, "Why glass is broken; required")->needs(glass);
}

void set_terms(const ApplyTerms& terms, v1::ApplyRequest& request) {
  set_common(terms, request);
  if (terms.strikes) request.mutable_change()->set_strike(true);
}

void set_terms(const ApplyTerms& terms, v1::RollbackRequest& request) {
  set_common(terms, request);
  request.set_strike(terms.strikes);
}

}  // namespace sluice::controlplane::cli
