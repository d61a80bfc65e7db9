// SPDX-License-Identifier: Apache-2.0
//
// One value per client and signal, from the flows of one cohort.
#include "controlplane/rollout/client_values.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace sluice::controlplane {
namespace {

// Shorter times differ by the noise of hosts and probes, which no client feels.
constexpr double kTimeFloorUs = 1000;
// Medians of clients scatter by at least 10 % of themselves.
constexpr double kTimeVarianceMin = 0.01;

// Whether a flow shows the signal; nullopt: it says nothing about it.
std::optional<bool> shows(const ObservedFlow& flow, Signal signal) {
  const bool has_request = flow.request_bytes > 0;
  switch (signal) {
    case Signal::kUnanswered:
      return flow.handshake_us == 0;
    case Signal::kSynRetransmissions:
      return flow.syn_retransmissions > 0;
    case Signal::kNoResponse:
      return has_request ? std::optional(flow.response_us == 0) : std::nullopt;
    case Signal::kBytesServed:
      return flow.response_bytes == 0;
    case Signal::kReconnects:
      return flow.is_reconnect;
    case Signal::kClientResets:
      return flow.was_reset;
    default:
      return std::nullopt;
  }
}

std::optional<double> time_us(const ObservedFlow& flow, Signal signal) {
  if (signal == Signal::kHandshakeTime) {
    return flow.handshake_us > 0 ? std::optional<double>(flow.handshake_us) : std::nullopt;
  }
  if (flow.request_bytes == 0) return std::nullopt;
  return flow.response_us > 0 ? flow.response_us : 1000.0 * flow.age_ms;
}

// A share among few flows is uncertain even when every client shows the same: at least what as many
// coins of that share would scatter.
double share_variance(const Sample& sample, double inverse_flows) {
  const double clients = static_cast<double>(sample.count());
  const double share = (sample.mean() * clients + 0.5) / (clients + 1);
  return std::max(sample.variance(), share * (1 - share) * inverse_flows / clients);
}

using Clients = std::span<const ObservedFlow>;  // the flows of all, one client after the other

// Calls `use` with the flows of each client.
template <typename Use>
void for_each_client(Clients flows, const Use& use) {
  size_t begin = 0;
  while (begin < flows.size()) {
    size_t end = begin + 1;
    while (end < flows.size() && flows[end].client == flows[begin].client)
      ++end;
    use(flows.subspan(begin, end - begin));
    begin = end;
  }
}

Moments share_moments(Clients flows, Signal signal) {
  Sample sample;
  double inverse_flows = 0;
  for_each_client(flows, [&](Clients client) {
    int asked = 0;
    int shown = 0;
    for (const ObservedFlow& flow : client) {
      const std::optional<bool> answer = shows(flow, signal);
      asked += answer.has_value() ? 1 : 0;
      shown += answer.value_or(false) ? 1 : 0;
    }
    if (asked == 0) return;
    sample.add(static_cast<double>(shown) / asked);
    inverse_flows += 1.0 / asked;
  });
  if (sample.count() == 0) return {};
  return {sample.mean(), share_variance(sample, inverse_flows), sample.count()};
}

Moments time_moments(Clients flows, Signal signal) {
  Sample sample;
  std::vector<double> times;
  for_each_client(flows, [&](Clients client) {
    times.clear();
    for (const ObservedFlow& flow : client) {
      if (const std::optional<double> time = time_us(flow, signal)) times.push_back(*time);
    }
    if (times.empty()) return;
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    sample.add(std::log(std::max(*middle, kTimeFloorUs)));
  });
  if (sample.count() == 0) return {};
  return {sample.mean(), std::max(sample.variance(), kTimeVarianceMin), sample.count()};
}

}  // namespace

Cohort cohort_of(std::vector<ObservedFlow> flows) {
  std::sort(flows.begin(), flows.end(),
            [](const ObservedFlow& a, const ObservedFlow& b) { return a.client < b.client; });
  Cohort cohort;
  for (size_t i = 0; i < kSignals; ++i) {
    const Signal signal = static_cast<Signal>(i);
    cohort[i] = is_time(signal) ? time_moments(flows, signal) : share_moments(flows, signal);
  }
  return cohort;
}

}  // namespace sluice::controlplane
