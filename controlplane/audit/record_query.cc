// SPDX-License-Identifier: Apache-2.0
//
// The first records that fit a query, from one source after the other.
#include "controlplane/audit/record_query.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::controlplane {
namespace {

constexpr uint32_t kLimitDefault = 100;
constexpr uint32_t kLimitMax = 10'000;

}  // namespace

absl::StatusOr<RecordQuery> RecordQuery::of(const v1::QueryRecordsRequest& request) {
  RecordQuery query;
  query.limit_ = request.limit() == 0 ? kLimitDefault : request.limit();
  if (query.limit_ > kLimitMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("limit: ", query.limit_, " is over ", kLimitMax));
  }
  absl::StatusOr<RecordCondition> condition = RecordCondition::of(request);
  if (!condition.ok()) return condition.status();
  query.condition_ = *std::move(condition);
  return query;
}

bool RecordQuery::wants(int64_t first_start_ns, int64_t last_start_ns) const {
  if (last_start_ns < condition_.since_ns || first_start_ns >= condition_.until_ns) return false;
  if (condition_.after && last_start_ns < condition_.after->start_ns) return false;
  return best_.size() <= limit_ || first_start_ns <= best_.rbegin()->first.start_ns;
}

absl::Status RecordQuery::add(const RowSource& source, uint64_t segment) {
  const RowFilter filter(condition_, source, segment);
  if (!filter.can_match()) return absl::OkStatus();
  struct Candidate {
    FoundRow row;
    size_t block;
  };
  std::vector<Candidate> candidates;
  std::vector<FoundRow> found;
  for (size_t block = 0; block < source.blocks(); ++block) {
    found.clear();
    if (absl::Status status = filter.find(block, found); !status.ok()) return status;
    for (const FoundRow& row : found) {
      if (best_.size() <= limit_ || row.place < best_.rbegin()->first)
        candidates.push_back({row, block});
    }
  }
  const auto is_before = [](const Candidate& a, const Candidate& b) {
    return a.row.place < b.row.place;
  };
  if (candidates.size() > limit_ + 1) {
    const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(limit_ + 1);
    std::nth_element(candidates.begin(), end, candidates.end(), is_before);
    candidates.erase(end, candidates.end());
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.block < b.block; });
  for (auto begin = candidates.begin(); begin != candidates.end();) {
    const auto end = std::find_if(
        begin, candidates.end(), [&](const Candidate& each) { return each.block != begin->block; });
    found.clear();
    std::transform(begin, end, std::back_inserter(found),
                   [](const Candidate& each) { return each.row; });
    if (absl::Status status = add_block(source, begin->block, found); !status.ok()) return status;
    begin = end;
  }
  return absl::OkStatus();
}

absl::Status RecordQuery::add_block(const RowSource& source, size_t block,
                                    const std::vector<FoundRow>& found) {
  BlockRows rows;
  if (absl::Status status = read_block(source, block, rows); !status.ok()) return status;
  for (const FoundRow& row : found) {
    absl::StatusOr<v1::FlowRecord> record = record_at(source, rows, row.index);
    if (!record.ok()) return record.status();
    best_.emplace(row.place, *std::move(record));
    if (best_.size() > limit_ + 1) best_.erase(std::prev(best_.end()));
  }
  return absl::OkStatus();
}

v1::QueryRecordsResponse RecordQuery::finish() && {
  v1::QueryRecordsResponse response;
  RecordPlace last;
  for (auto& [place, record] : best_) {
    if (static_cast<size_t>(response.records_size()) == limit_) {
      response.set_next_page_token(last.token());
      break;
    }
    *response.add_records() = std::move(record);
    last = place;
  }
  return response;
}

}  // namespace sluice::controlplane
