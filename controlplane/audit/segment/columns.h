// SPDX-License-Identifier: Apache-2.0
//
// The columns of a segment: which field of a flow record each holds, and how.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::controlplane {

// In the public file, in the order of the record's fields.
enum class Column : uint8_t {
  kNode,
  kIncarnation,
  kSequence,
  kLcore,
  kFlowId,
  kPart,
  kProtocol,
  kServiceAddress,
  kServicePort,
  kClientClass,
  kService,
  kRoute,
  kPool,
  kPoolLabels,
  kBackend,
  kBackendAddress,
  kRevision,
  kGeneration,
  kView,
  kStartTime,
  kLastTime,
  kPackets,
  kBytes,
  kTcpFlags,
  kHandshakeTime,
  kOpened,
  kEndReason,
  kWouldRefuse,
  kRollout,
  kRest,     // fields that this program does not know
  kPresent,  // which times are set
};
inline constexpr size_t kColumns = 31;

// In the private file.
enum class PrivateColumn : uint8_t { kClient, kClientPort };
inline constexpr size_t kPrivateColumns = 2;
inline constexpr uint64_t kErasedClient = 0;  // an index of a client; the others begin at 1

inline constexpr size_t kBlockRows = 16'384;  // what a lookup decodes: about a millisecond
inline constexpr size_t kSegmentRowsMax = 1u << 20;
inline constexpr size_t kSegmentBlocksMax = kSegmentRowsMax / kBlockRows;

enum class ColumnKind : uint8_t {
  kNumber,
  kTime,    // nanoseconds; a Timestamp or a Duration
  kFields,  // an index into the column's dictionary of whole fields, tags included; 0: none
  kBits,
};

enum class Packing : uint8_t {
  kPlain,
  kDifference,      // to the row before
  kBeforeLastTime,  // to the same row's last time
};

struct ColumnSpec {
  uint32_t field;  // number in the record; 0: none of its own
  ColumnKind kind;
  Packing packing;
};

inline constexpr std::array<ColumnSpec, kColumns> kColumnSpecs = {{
    {1, ColumnKind::kFields, Packing::kPlain},
    {2, ColumnKind::kFields, Packing::kPlain},
    {3, ColumnKind::kNumber, Packing::kDifference},
    {4, ColumnKind::kNumber, Packing::kPlain},
    {5, ColumnKind::kNumber, Packing::kDifference},
    {6, ColumnKind::kNumber, Packing::kPlain},
    {7, ColumnKind::kNumber, Packing::kPlain},
    {10, ColumnKind::kFields, Packing::kPlain},
    {11, ColumnKind::kNumber, Packing::kDifference},
    {12, ColumnKind::kFields, Packing::kPlain},
    {13, ColumnKind::kFields, Packing::kPlain},
    {14, ColumnKind::kFields, Packing::kPlain},
    {15, ColumnKind::kFields, Packing::kPlain},
    {16, ColumnKind::kFields, Packing::kPlain},
    {17, ColumnKind::kFields, Packing::kPlain},
    {18, ColumnKind::kFields, Packing::kPlain},
    {19, ColumnKind::kNumber, Packing::kDifference},
    {20, ColumnKind::kNumber, Packing::kDifference},
    {21, ColumnKind::kNumber, Packing::kDifference},
    {22, ColumnKind::kTime, Packing::kBeforeLastTime},
    {23, ColumnKind::kTime, Packing::kDifference},
    {24, ColumnKind::kNumber, Packing::kPlain},
    {25, ColumnKind::kNumber, Packing::kPlain},
    {26, ColumnKind::kNumber, Packing::kPlain},
    {27, ColumnKind::kTime, Packing::kPlain},
    {28, ColumnKind::kNumber, Packing::kPlain},
    {29, ColumnKind::kNumber, Packing::kPlain},
    {30, ColumnKind::kFields, Packing::kPlain},
    {31, ColumnKind::kFields, Packing::kPlain},
    {0, ColumnKind::kFields, Packing::kPlain},
    {0, ColumnKind::kBits, Packing::kPlain},
}};

inline constexpr std::array<Packing, kPrivateColumns> kPrivatePackings = {Packing::kDifference,
                                                                          Packing::kPlain};

inline constexpr size_t index_of(Column column) noexcept {
  return static_cast<size_t>(column);
}
inline constexpr size_t index_of(PrivateColumn column) noexcept {
  return static_cast<size_t>(column);
}
inline constexpr const ColumnSpec& spec_of(Column column) noexcept {
  return kColumnSpecs[index_of(column)];
}
// The bit of a time's column in `kPresent`.
inline constexpr uint64_t present_bit(Column column) noexcept {
  return uint64_t{1} << (index_of(column) - index_of(Column::kStartTime));
}

}  // namespace sluice::controlplane
