// SPDX-License-Identifier: Apache-2.0
//
// Unsealed rows become a segment's two files.
#include "controlplane/audit/segment/seal.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "controlplane/audit/segment/bloom_filter.h"
#include "controlplane/audit/segment/column_file.h"
#include "controlplane/audit/segment/private_part.h"
#include "controlplane/audit/segment/record_tree.h"
#include "controlplane/audit/segment/segment_files.h"
#include "controlplane/audit/segment/wire.h"
#include "controlplane/audit/tiles.h"

namespace sluice::controlplane {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

void set_time(uint64_t nanoseconds, google::protobuf::Timestamp& time) {
  time.set_seconds(static_cast<int64_t>(nanoseconds) / kNanosecondsPerSecond);
  time.set_nanos(static_cast<int32_t>(static_cast<int64_t>(nanoseconds) % kNanosecondsPerSecond));
}

// The new index of each client, and the clients in that order.
std::vector<uint64_t> order_clients(const std::vector<Client>& clients,
                                    std::vector<Client>& ordered) {
  std::vector<uint64_t> by_salt(clients.size());
  std::iota(by_salt.begin(), by_salt.end(), uint64_t{0});
  std::sort(by_salt.begin() + 1, by_salt.end(),
            [&](uint64_t a, uint64_t b) { return clients[a].salt < clients[b].salt; });
  std::vector<uint64_t> new_index(clients.size());
  for (uint64_t i = 0; i < by_salt.size(); ++i) {
    new_index[by_salt[i]] = i;
    ordered.push_back(clients[by_salt[i]]);
  }
  return new_index;
}

// The rows in the order of their clients; those of one client as they came.
std::vector<uint32_t> order_rows(const RowBuffer& rows, const std::vector<uint64_t>& new_index) {
  std::vector<uint32_t> next(new_index.size() + 1, 0);
  for (size_t row = 0; row < rows.rows(); ++row)
    ++next[new_index[rows.at(row, PrivateColumn::kClient)] + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  std::vector<uint32_t> order(rows.rows());
  for (size_t row = 0; row < rows.rows(); ++row)
    order[next[new_index[rows.at(row, PrivateColumn::kClient)]]++] = static_cast<uint32_t>(row);
  return order;
}

class Sealer {
 public:
  Sealer(const RowBuffer& rows, v1::SegmentHead head) : rows_(rows) {
    *writer_.directory().mutable_head() = std::move(head);
    const std::vector<uint64_t> new_index = order_clients(rows.clients(), private_.clients);
    order_ = order_rows(rows, new_index);
    for (const uint32_t row : order_) {
      private_.client_of_row.push_back(new_index[rows.at(row, PrivateColumn::kClient)]);
      private_.port_of_row.push_back(rows.at(row, PrivateColumn::kClientPort));
    }
  }

  SealedSegment run() && {
    for (size_t begin = 0; begin < order_.size(); begin += kBlockRows) {
      gather(begin, std::min(kBlockRows, order_.size() - begin));
      write_block();
      look_at_block(begin);
    }
    finish_directory();
    writer_.add_section(v1::SECTION_KIND_DICTIONARIES, rows_.dictionaries().serialize());
    writer_.add_section(v1::SECTION_KIND_SUBTREES, tree_.subtrees());
    writer_.add_section(v1::SECTION_KIND_MARKS, tree_.marks());
    SealedSegment sealed;
    sealed.directory = writer_.directory();
    private_.head = sealed.directory.head();
    sealed.private_file = serialize_private(private_);
    sealed.public_file = std::move(writer_).finish(ColumnFileKind::kPublic, flow_filter());
    return sealed;
  }

 private:
  void gather(size_t begin, size_t count) {
    for (size_t column = 0; column < kColumns; ++column) {
      std::vector<uint64_t>& values = block_.columns[column];
      values.resize(count);
      for (size_t i = 0; i < count; ++i)
        values[i] = rows_.at(order_[begin + i], static_cast<Column>(column));
    }
    const auto first = static_cast<std::ptrdiff_t>(begin);
    const auto last = first + static_cast<std::ptrdiff_t>(count);
    block_.clients.assign(private_.client_of_row.begin() + first,
                          private_.client_of_row.begin() + last);
    block_.ports.assign(private_.port_of_row.begin() + first, private_.port_of_row.begin() + last);
  }

  void write_block() {
    std::vector<ColumnValues> columns;
    for (size_t column = 0; column < kColumns; ++column) {
      columns.push_back({block_.columns[column], kColumnSpecs[column].packing,
                         block_.columns[index_of(Column::kLastTime)]});
    }
    writer_.add_block(columns);
  }

  void look_at_block(size_t begin) {
    std::string record;
    for (size_t i = 0; i < block_.size(); ++i) {
      const RowValues row = block_.row(i);
      const Client& client = private_.clients[block_.clients[i]];
      record.clear();
      append_public_record(row, rows_.dictionaries(), record);
      tree_.add(record_leaf_hash(record,
                                 client_commitment(client.salt, client.address, block_.ports[i])));
      const uint64_t start = row[index_of(Column::kStartTime)];
      first_start_ = begin + i == 0 ? start : std::min(first_start_, start);
      last_start_ = std::max(last_start_, start);
      flows_.push_back(filter_key(row[index_of(Column::kFlowId)]));
      const bool is_start = row[index_of(Column::kEndReason)] == 0;
      if (is_start && row[index_of(Column::kWouldRefuse)] != 0) count_refusals(row);
    }
  }

  void count_refusals(const RowValues& row) {
    const std::string& field =
        rows_.dictionaries().field(Column::kWouldRefuse, row[index_of(Column::kWouldRefuse)]);
    for (const std::string& name : texts_of(field)) {
      Refusals& refusals = refusals_[{name, row[index_of(Column::kRevision)]}];
      ++refusals.flows;
      refusals.last_start = std::max(refusals.last_start, row[index_of(Column::kStartTime)]);
    }
  }

  void finish_directory() {
    v1::SegmentDirectory& directory = writer_.directory();
    v1::SegmentHead& head = *directory.mutable_head();
    head.set_records(order_.size());
    head.set_root(std::string(view_of(tree_.root())));
    set_time(first_start_, *head.mutable_first_start());
    set_time(last_start_, *head.mutable_last_start());
    for (const auto& [key, refusals] : refusals_) {
      v1::SegmentRefusals& written = *directory.add_refusals();
      written.set_guardrail(key.first);
      written.set_revision(key.second);
      written.set_flows(refusals.flows);
      set_time(refusals.last_start, *written.mutable_last_start());
    }
  }

  std::string flow_filter() {
    std::sort(flows_.begin(), flows_.end());
    flows_.erase(std::unique(flows_.begin(), flows_.end()), flows_.end());
    return make_filter(flows_, flows_.size());
  }

  struct Refusals {
    uint64_t flows = 0;
    uint64_t last_start = 0;
  };

  const RowBuffer& rows_;
  ColumnFileWriter writer_;
  PrivatePart private_;
  std::vector<uint32_t> order_;
  BlockRows block_;
  RecordTree tree_;
  std::vector<uint64_t> flows_;
  uint64_t first_start_ = 0;
  uint64_t last_start_ = 0;
  std::map<std::pair<std::string, uint64_t>, Refusals> refusals_;  // by guardrail and revision
};

}  // namespace

SealedSegment seal(const RowBuffer& rows, v1::SegmentHead head) {
  return Sealer(rows, std::move(head)).run();
}

absl::Status write_segment(const std::filesystem::path& folder, const SealedSegment& segment) {
  const uint64_t number = segment.directory.head().number();
  absl::Status status = write_file(private_path(folder, number), segment.private_file);
  if (!status.ok()) return status;
  return write_file(public_path(folder, number), segment.public_file);
}

}  // namespace sluice::controlplane
