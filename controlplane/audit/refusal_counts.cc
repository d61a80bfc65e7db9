// SPDX-License-Identifier: Apache-2.0
//
// How many flows each monitoring guardrail would have refused, counted as records come in.
#include "controlplane/audit/refusal_counts.h"

#include <algorithm>

#include "controlplane/audit/record_filter.h"
#include "controlplane/store/stored_time.h"

namespace sluice::controlplane {

void RefusalCounts::add(const v1::FlowRecord& record) {
  if (record.end_reason() != v1::END_REASON_UNSPECIFIED) return;
  for (const std::string& guardrail : record.would_refuse()) {
    Count& count = counts_[{guardrail, record.revision()}];
    ++count.flows;
    count.last_ns = std::max(count.last_ns, to_nanoseconds(record.start_time()));
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

absl::StatusOr<std::vector<v1::WouldRefuse>> read_refusal_counts(Database& database,
                                                                 uint64_t revision) {
  absl::StatusOr<Statement> select = database.prepare(
      "SELECT guardrail, SUM(CASE WHEN revision = ? THEN flows ELSE 0 END), SUM(flows), "
      "MAX(last_ns) FROM refusal_count GROUP BY guardrail ORDER BY guardrail");
  if (!select.ok()) return select.status();
  select->bind(revision);
  std::vector<v1::WouldRefuse> counts;
  for (;;) {
    const absl::StatusOr<bool> row = select->step();
    if (!row.ok()) return row.status();
    if (!*row) return counts;
    v1::WouldRefuse& count = counts.emplace_back();
    count.set_guardrail(select->bytes(0));
    count.set_flows(select->number(1));
    count.set_total_flows(select->number(2));
    set_time(*count.mutable_last_time(), absl::FromUnixNanos(select->integer(3)));
  }
}

}  // namespace sluice::controlplane
