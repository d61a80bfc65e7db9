// SPDX-License-Identifier: Apache-2.0
//
// Rollouts and their progress for people.
#include "controlplane/cli/render/rollout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "controlplane/cli/render/text.h"
#include "fmt/format.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

constexpr double kWhole = 1'000'000;
constexpr int kBarWidth = 40;

// Checks whose values are parts of a client's flows; times end in "_time", the rest are metrics.
constexpr std::array<std::string_view, 6> kShares = {"unanswered",  "syn_retransmissions",
                                                     "no_response", "bytes_served",
                                                     "reconnects",  "client_resets"};

std::string phase_of(const v1::RolloutStatus& status) {
  return short_enum_text(v1::RolloutPhase_Name(status.phase()), "ROLLOUT_PHASE_");
}

Colour colour_of(v1::RolloutPhase phase) {
  switch (phase) {
    case v1::ROLLOUT_PHASE_SUCCEEDED:
      return Colour::kGreen;
    case v1::ROLLOUT_PHASE_FAILED:
    case v1::ROLLOUT_PHASE_ABORTED:
      return Colour::kRed;
    case v1::ROLLOUT_PHASE_PAUSED:
      return Colour::kYellow;
    default:
      return Colour::kNone;
  }
}

Cell result_cell(v1::RolloutVerdict::Result result) {
  switch (result) {
    case v1::RolloutVerdict::RESULT_PASS:
      return {"pass", Colour::kGreen};
    case v1::RolloutVerdict::RESULT_FAIL:
      return {"FAIL", Colour::kRed};
    case v1::RolloutVerdict::RESULT_NO_DATA:
      return {"no data", Colour::kYellow};
    default:
      return {"-"};
  }
}

std::string weight_text(uint32_t weight) {
  return fmt::format("{:g} %", weight / kWhole * 100);
}

std::string duration_text(const google::protobuf::Duration& duration) {
  return absl::FormatDuration(absl::Seconds(duration.seconds()) +
                              absl::Nanoseconds(duration.nanos()));
}

bool is_share(const v1::RolloutCheck& check) {
  return std::find(kShares.begin(), kShares.end(), check.name()) != kShares.end();
}

bool is_time(const v1::RolloutCheck& check) {
  return absl::EndsWith(check.name(), "_time") && check.candidate_clients() > 0;
}

std::string value_text(const v1::RolloutCheck& check, double value) {
  if (is_share(check)) return fmt::format("{:.1f} %", 100 * value);
  if (is_time(check)) return absl::FormatDuration(absl::Microseconds(std::llround(value)));
  return fmt::format("{:g}", value);
}

std::string bound_text(const v1::RolloutCheck& check) {
  const bool is_comparison = is_share(check) || is_time(check);
  return is_comparison ? fmt::format("+{:g} %", 100 * check.bound())
                       : fmt::format("{:g}", check.bound());
}

std::string p_text(double p_value) {
  return p_value < 1e-4 ? "<0.0001" : fmt::format("{:.2g}", p_value);
}

std::string bar_of(uint32_t weight) {
  const auto filled = static_cast<size_t>(std::ceil(weight / kWhole * kBarWidth));
  return std::string(filled, '#') + std::string(kBarWidth - filled, '.');
}

// "1.2k of 5.0k", or the count alone where nothing is asked for.
std::string part_text(uint64_t count, uint64_t wanted) {
  const std::string text = count_text(static_cast<double>(count));
  return wanted == 0 ? text : text + " of " + count_text(static_cast<double>(wanted));
}

void print_step(std::ostream& out, const v1::RolloutStatus& status, const v1::Rollout& rollout,
                absl::Time now) {
  const int step = static_cast<int>(status.step());
  if (!status.has_step_started() || step >= rollout.spec().steps_size()) return;
  const v1::RolloutStep& spec = rollout.spec().steps(step);
  fmt::print(out, "step {} of {}, for {}", step + 1, rollout.spec().steps_size(),
             age_text(now - time_of(status.step_started())));
  if (spec.has_for_()) fmt::print(out, " of {}", duration_text(spec.for_()));
  fmt::print(out, "; new flows {}, clients {}\n", part_text(status.flows(), spec.min_flows()),
             part_text(status.clients(), spec.min_clients()));
}

void print_checks(std::ostream& out, const v1::RolloutVerdict& verdict, const Palette& palette) {
  if (verdict.checks().empty()) return;
  TextTable table({"CHECK", "RESULT", "CANDIDATE", "STABLE", "BOUND", "P", "CLIENTS", "MESSAGE"});
  for (const v1::RolloutCheck& check : verdict.checks()) {
    const bool is_compared = check.candidate_clients() > 0;
    table.add({check.name(), result_cell(check.result()), value_text(check, check.candidate()),
               is_compared ? value_text(check, check.stable()) : "-", bound_text(check),
               is_compared ? p_text(check.p_value()) : "-",
               is_compared ? fmt::format("{}/{}", check.candidate_clients(), check.stable_clients())
                           : "-",
               or_dash(check.message())});
  }
  out << '\n';
  table.print(out, palette);
}

}  // namespace

void print_rollouts(std::ostream& out, const RolloutStatuses& rollouts, absl::Time now,
                    const Palette& palette) {
  TextTable table(
      {"NAME", "PHASE", "STEP", "WEIGHT", "FLOWS", "CLIENTS", "VERDICT", "STARTED", "REASON"});
  for (const v1::RolloutStatus& status : rollouts) {
    table.add({status.rollout(),
               {phase_of(status), colour_of(status.phase())},
               status.has_started() ? fmt::format("{}", status.step() + 1) : "-",
               weight_text(status.weight()),
               count_text(static_cast<double>(status.flows())),
               count_text(static_cast<double>(status.clients())),
               result_cell(status.verdict().result()),
               status.has_started() ? age_text(now - time_of(status.started())) + " ago" : "-",
               or_dash(status.reason())});
  }
  table.print(out, palette);
}

void print_progress(std::ostream& out, const v1::RolloutStatus& status, const v1::Rollout& rollout,
                    absl::Time now, const Palette& palette) {
  fmt::print(out, "{}  {}\n", palette.paint(Colour::kBold, printable(status.rollout())),
             palette.paint(colour_of(status.phase()), phase_of(status)));
  fmt::print(out, "[{}] {} of {} on route {} goes to {}\n", bar_of(status.weight()),
             weight_text(status.weight()), rollout.spec().stable(), rollout.spec().route(),
             rollout.spec().candidate());
  print_step(out, status, rollout, now);
  if (!status.reason().empty()) fmt::print(out, "{}\n", printable(status.reason()));
  if (status.is_evicting()) fmt::print(out, "the candidate's flows are being reset\n");
  if (status.has_evict_at() && !status.is_evicting()) {
    fmt::print(out, "the candidate's flows are reset at {}\n", time_text(status.evict_at()));
  }
  print_checks(out, status.verdict(), palette);
}

}  // namespace sluice::controlplane::cli
