// SPDX-License-Identifier: Apache-2.0
//
// Runs detection over what the fleet reports, and says what it finds.
#include "controlplane/service/pattern_watch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/service/observed_shares.h"
#include "controlplane/service/pattern_event.h"
#include "controlplane/service/step_event.h"

namespace sluice::controlplane {
namespace {

constexpr absl::Duration kInterval = absl::Minutes(1);
// Records come about a second after what they tell; more is a node that was away.
constexpr absl::Duration kRecordAgeMax = absl::Minutes(2);

// Of one minute. What shakes everything shows in thousands of series.
constexpr size_t kToldMax = 20;
constexpr size_t kSubjectsMax = 4096;

// What the policy gives to each pool, in words that are others once that is another.
std::map<std::string, std::string> portions_of(const v1::ForwardingTable& table) {
  std::map<std::string, std::string> portions;
  for (const v1::PoolEntry& pool : table.pools())
    portions[pool.name()] = absl::StrCat(pool.backends_size());
  for (const v1::RouteEntry& route : table.routes()) {
    for (const auto& [pool, share] : configured_shares(route))
      absl::StrAppend(&portions[pool], " ", route.name(), "=", share);
  }
  return portions;
}

// Services first, backends last.
int rank_of(SubjectKind kind) {
  switch (kind) {
    case SubjectKind::kService:
      return 0;
    case SubjectKind::kPool:
      return 1;
    case SubjectKind::kClass:
      return 2;
    case SubjectKind::kClientPrefix:
      return 3;
    case SubjectKind::kBackend:
      return 4;
  }
  return 5;
}

}  // namespace

void PatternWatch::add(std::span<const v1::FlowRecord> records, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  counts_.add(records, now - kRecordAgeMax);
}

void PatternWatch::look(absl::Time end) {
  const std::shared_ptr<const v1::ForwardingTable> table = sources_.table();
  const v1::ListCountersResponse counters = sources_.counters();
  std::vector<Observation> observations;
  {
    const absl::MutexLock lock(&mutex_);
    counts_.add(counters);
    observations = counts_.take(table == nullptr ? v1::ForwardingTable() : *table, kSubjectsMax);
  }
  if (table == nullptr) return;
  std::vector<Finding> findings;
  {
    const absl::MutexLock lock(&patterns_mutex_);
    findings = forget_changed(*table);
    std::vector<Finding> found = patterns_.observe(end, observations);
    findings.insert(findings.end(), std::make_move_iterator(found.begin()),
                    std::make_move_iterator(found.end()));
  }
  tell(std::move(findings), end);
}

// A pool that the policy gives another share, a rollout's step included, or other backends, does
// something else because somebody wants that.
std::vector<Finding> PatternWatch::forget_changed(const v1::ForwardingTable& table) {
  std::map<std::string, std::string> portions = portions_of(table);
  std::vector<Finding> findings;
  const auto forget = [&](SubjectKind kind, const std::string& name) {
    patterns_mutex_.AssertHeld();
    for (Finding& finding : patterns_.forget({kind, name}))
      findings.push_back(std::move(finding));
  };
  for (const v1::PoolEntry& pool : table.pools()) {
    const auto before = portions_.find(pool.name());
    if (before == portions_.end() || before->second == portions[pool.name()]) continue;
    forget(SubjectKind::kPool, pool.name());
    for (const v1::BackendEntry& backend : pool.backends())
      forget(SubjectKind::kBackend, absl::StrCat(pool.name(), "/", backend.name()));
  }
  portions_ = std::move(portions);
  return findings;
}

void PatternWatch::tell(std::vector<Finding> findings, absl::Time end) const {
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return rank_of(a.subject.kind) < rank_of(b.subject.kind);
  });
  for (size_t i = 0; i < std::min(findings.size(), kToldMax); ++i)
    sources_.tell(pattern_event(findings[i]));
  if (findings.size() <= kToldMax) return;
  const std::string minute = absl::FormatTime("%Y-%m-%dT%H:%MZ", end, absl::UTCTimeZone());
  sources_.tell(step_event(
      "pattern.more", kController,
      absl::StrCat(findings.size() - kToldMax, " more series changed in the minute until ", minute,
                   "; /metrics has those that are not as usual")));
}

std::vector<SeriesScore> PatternWatch::scores() const {
  const absl::MutexLock lock(&patterns_mutex_);
  return patterns_.scores();
}

void PatternWatch::start() {
  thread_ = std::thread([this] { run(); });
}

void PatternWatch::stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void PatternWatch::run() {
  for (;;) {
    const absl::Time now = absl::Now();
    const absl::Time next =
        absl::UnixEpoch() + (absl::Floor(now - absl::UnixEpoch(), kInterval) + kInterval);
    {
      const absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithDeadline(absl::Condition(&stopping_), next)) return;
    }
    look(next);
  }
}

}  // namespace sluice::controlplane
