// SPDX-License-Identifier: Apache-2.0
//
// Random flow records, and segments made of them.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "controlplane/audit/segment/journal.h"
#include "controlplane/audit/segment/row_buffer.h"
#include "controlplane/audit/segment/seal.h"
#include "controlplane/audit/segment/segment.h"
#include "dataplane/table/deterministic_from_proto.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::controlplane::fixture {

inline std::string choose(std::mt19937_64& random, const char* prefix, uint64_t of) {
  const uint64_t which = random() % (of + 1);
  return which == 0 ? std::string() : prefix + std::to_string(which);
}

inline uint32_t small(std::mt19937_64& random, uint32_t limit) {
  return static_cast<uint32_t>(random() % limit);
}

inline std::string random_address(std::mt19937_64& random) {
  std::string address(random() % 4 == 0 ? 16 : 4, '\0');
  for (char& byte : address)
    byte = static_cast<char>(random() % 3);
  return address;
}

inline void set_times(std::mt19937_64& random, v1::FlowRecord& record) {
  if (random() % 8 != 0) {
    record.mutable_start_time()->set_seconds(static_cast<int64_t>(1'700'000'000 + random() % 600));
    record.mutable_start_time()->set_nanos(static_cast<int32_t>(random() % 1'000'000'000));
  }
  if (random() % 8 != 0) {
    record.mutable_last_time()->set_seconds(static_cast<int64_t>(1'700'000'000 + random() % 900));
  }
  if (random() % 2 == 0) {
    record.mutable_handshake_time()->set_nanos(static_cast<int32_t>(random() % 1'000'000'000));
  }
}

// Any field may be missing or have an extreme value.
inline v1::FlowRecord random_record(std::mt19937_64& random, uint64_t sequence) {
  v1::FlowRecord record;
  record.set_node(choose(random, "edge-", 2));
  record.set_incarnation(choose(random, "run-", 3));
  record.set_sequence(random() % 50 == 0 ? random() : sequence);
  record.set_lcore(small(random, 8));
  record.set_flow_id(random() % 3 == 0 ? random() : sequence / 2);
  record.set_part(small(random, 3));
  record.set_protocol(random() % 2 == 0 ? 6 : 17);
  record.set_client_address(random_address(random));
  record.set_client_port(small(random, 65'536));
  record.set_service_address(random_address(random));
  record.set_service_port(random() % 3 == 0 ? UINT32_MAX : 443);
  record.set_client_class(choose(random, "class-", 4));
  record.set_service(choose(random, "service-", 4));
  record.set_route(choose(random, "route-", 4));
  record.set_pool(choose(random, "pool-", 4));
  for (uint64_t i = 0; i < random() % 4; ++i)
    (*record.mutable_pool_labels())[choose(random, "label-", 3)] = choose(random, "value-", 3);
  record.set_backend(choose(random, "backend-", 9));
  record.set_backend_address(random_address(random));
  record.set_revision(random() % 4);
  record.set_generation(random() % 9 == 0 ? UINT64_MAX : random() % 5);
  record.set_view(random() % 5);
  set_times(random, record);
  record.set_packets(random() % 2 == 0 ? random() : random() % 100);
  record.set_bytes(random() >> random() % 64);
  record.set_tcp_flags(small(random, 256));
  record.set_opened(static_cast<v1::Opened>(random() % 4));
  record.set_end_reason(random() % 2 == 0 ? v1::END_REASON_UNSPECIFIED : v1::END_REASON_FIN);
  for (uint64_t i = 0; i < random() % 3; ++i)
    record.add_would_refuse(choose(random, "guardrail-", 3));
  record.set_rollout(choose(random, "rollout-", 2));
  return record;
}

inline std::string bytes_of(const v1::FlowRecord& record) {
  return dataplane::deterministic_bytes(record);
}

inline void add(RowBuffer& rows, const v1::FlowRecord& record) {
  const std::string bytes = bytes_of(record);
  const std::optional<RecordFields> fields = parse_record(bytes);
  ASSERT_TRUE(fields.has_value());
  rows.add(*fields);
}

inline SealedSegment seal_records(const std::vector<v1::FlowRecord>& records, uint64_t number = 1) {
  RowBuffer rows;
  for (const v1::FlowRecord& record : records)
    add(rows, record);
  v1::SegmentHead head;
  head.set_number(number);
  return seal(rows, head);
}

inline std::vector<v1::FlowRecord> random_records(uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  std::vector<v1::FlowRecord> records;
  for (size_t i = 0; i < count; ++i)
    records.push_back(random_record(random, i + 1));
  return records;
}

// Opened and loaded.
inline absl::StatusOr<Segment> open_sealed(std::string public_file, std::string private_file) {
  absl::StatusOr<Segment> segment =
      Segment::open(FileBytes::of("public", std::move(public_file)),
                    FileBytes::of("private", std::move(private_file)));
  if (!segment.ok()) return segment;
  if (absl::Status status = segment->load(); !status.ok()) return status;
  return segment;
}

// Deterministic bytes of all records, sorted.
inline absl::StatusOr<std::vector<std::string>> all_bytes(const RowSource& source) {
  std::vector<std::string> all;
  BlockRows rows;
  for (size_t block = 0; block < source.blocks(); ++block) {
    if (absl::Status status = read_block(source, block, rows); !status.ok()) return status;
    for (size_t i = 0; i < rows.size(); ++i) {
      const absl::StatusOr<v1::FlowRecord> record = record_at(source, rows, i);
      if (!record.ok()) return record.status();
      all.push_back(bytes_of(*record));
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace sluice::controlplane::fixture
