// SPDX-License-Identifier: Apache-2.0
//
// How many flows each monitoring guardrail would have refused.
#include "controlplane/audit/refusal_counts.h"

#include <algorithm>

#include "controlplane/audit/record_filter.h"
#include "controlplane/audit/segment/record_wire.h"
#include "controlplane/store/stored_time.h"

namespace sluice::controlplane {

absl::Status RefusalCounts::add(const RowSource& source) {
  std::vector<uint64_t> refusals, ends, revisions, starts;
  const Dictionaries& names = source.dictionaries();
  if (names.size(Column::kWouldRefuse) == 1) return absl::OkStatus();
  for (size_t block = 0; block < source.blocks(); ++block) {
    absl::Status status = source.read(block, Column::kWouldRefuse, refusals);
    if (status.ok()) status = source.read(block, Column::kEndReason, ends);
    if (status.ok()) status = source.read(block, Column::kRevision, revisions);
    if (status.ok()) status = source.read(block, Column::kStartTime, starts);
    if (!status.ok()) return status;
    for (size_t i = 0; i < refusals.size(); ++i) {
      if (refusals[i] == 0 || ends[i] != v1::END_REASON_UNSPECIFIED) continue;
      for (const std::string& guardrail : texts_of(names.field(Column::kWouldRefuse, refusals[i])))
        add(guardrail, revisions[i], {1, static_cast<int64_t>(starts[i])});
    }
  }
  return absl::OkStatus();
}

void RefusalCounts::add(const v1::SegmentDirectory& segment) {
  for (const v1::SegmentRefusals& refusals : segment.refusals()) {
    add(refusals.guardrail(), refusals.revision(),
        {refusals.flows(), to_nanoseconds(refusals.last_start())});
  }
}

void RefusalCounts::add(const std::string& guardrail, uint64_t revision, const Count& more) {
  Count& count = counts_[{guardrail, revision}];
  count.flows += more.flows;
  count.last_ns = std::max(count.last_ns, more.last_ns);
}

absl::Status RefusalCounts::load(Database& database) {
  absl::StatusOr<Statement> select =
      database.prepare("SELECT guardrail, revision, flows, last_ns FROM refusal_count");
  if (!select.ok()) return select.status();
  for (;;) {
    const absl::StatusOr<bool> row = select->step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    add(select->bytes(0), select->number(1), {select->number(2), select->integer(3)});
  }
}

absl::Status RefusalCounts::save(Database& database) const {
  if (counts_.empty()) return absl::OkStatus();
  absl::StatusOr<Statement> add = database.prepare(
      "INSERT INTO refusal_count(guardrail, revision, flows, last_ns) VALUES(?, ?, ?, ?) "
      "ON CONFLICT(guardrail, revision) DO UPDATE SET flows = flows + excluded.flows, "
      "last_ns = MAX(last_ns, excluded.last_ns)");
  if (!add.ok()) return add.status();
  for (const auto& [key, count] : counts_) {
    add->reset();
    add->bind_text(key.first).bind(key.second).bind(count.flows).bind(count.last_ns);
    if (absl::Status status = add->run(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::vector<v1::WouldRefuse> RefusalCounts::of(uint64_t revision) const {
  std::vector<v1::WouldRefuse> answer;
  for (const auto& [key, count] : counts_) {
    if (answer.empty() || answer.back().guardrail() != key.first) {
      answer.emplace_back().set_guardrail(key.first);
    }
    v1::WouldRefuse& refused = answer.back();
    if (key.second == revision) refused.set_flows(count.flows);
    refused.set_total_flows(refused.total_flows() + count.flows);
    const absl::Time last = absl::FromUnixNanos(count.last_ns);
    if (!refused.has_last_time() || time_of(refused.last_time()) < last) {
      set_time(*refused.mutable_last_time(), last);
    }
  }
  return answer;
}

}  // namespace sluice::controlplane
