// SPDX-License-Identifier: Apache-2.0
//
// Compares each view with what was known before it.
#include "controlplane/service/expiry_watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/service/step_event.h"
#include "controlplane/store/stored_time.h"

namespace sluice::controlplane {
namespace {

// An event is for people; what it leaves out is in `sluice get backends`.
constexpr size_t kNamesMax = 20;

bool is_expired(v1::BackendState state) {
  return state == v1::BACKEND_STATE_EXPIRED;
}

std::string names_of(std::vector<std::string> backends) {
  const size_t left_out = backends.size() - std::min(backends.size(), kNamesMax);
  backends.resize(backends.size() - left_out);
  std::string names = absl::StrJoin(backends, ", ");
  if (left_out > 0) absl::StrAppend(&names, " and ", left_out, " more");
  return names;
}

}  // namespace

void ExpiryWatch::begin_with(const v1::ViewRecord& complete) {
  std::vector<v1::Event> untold;
  look_at(complete, untold);
}

std::vector<v1::Event> ExpiryWatch::look_at(
    const google::protobuf::RepeatedPtrField<v1::ViewRecord>& views) {
  std::vector<v1::Event> events;
  for (const v1::ViewRecord& view : views)
    look_at(view, events);
  return events;
}

void ExpiryWatch::look_at(const v1::ViewRecord& view, std::vector<v1::Event>& events) {
  if (view.incarnation() == incarnation_ && view.view() <= view_) return;
  incarnation_ = view.incarnation();
  view_ = view.view();
  std::map<std::string, Backends> now;
  if (!view.is_complete()) now = pools_;
  std::map<std::string, std::vector<std::string>> fresh;  // backends by pool
  for (const v1::BackendView& backend : view.backends()) {
    now[backend.pool()][backend.backend()] = backend.state();
    if (is_expired(backend.state()) && !is_expired(pools_[backend.pool()][backend.backend()]))
      fresh[backend.pool()].push_back(backend.backend());
  }
  pools_ = std::move(now);
  for (auto& [pool, backends] : fresh) {
    const bool is_whole_pool = std::ranges::all_of(
        pools_[pool], [](const auto& backend) { return is_expired(backend.second); });
    const std::string time =
        absl::FormatTime(absl::RFC3339_sec, time_of(view.time()), absl::UTCTimeZone());
    v1::Event& event =
        events.emplace_back(step_event("expired", "node/" + view.node(),
                                       absl::StrCat("past eligible_until by the node's clock, ",
                                                    time, ", in its view ", view.view())));
    event.set_target(!is_whole_pool && backends.size() == 1
                         ? absl::StrCat("backend/", pool, "/", backends.front())
                         : absl::StrCat("pool/", pool));
    event.set_generation(view.generation());
    (*event.mutable_details())["backends"] = names_of(std::move(backends));
  }
}

}  // namespace sluice::controlplane
