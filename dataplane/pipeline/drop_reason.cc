// SPDX-License-Identifier: Apache-2.0
//
// The names of drop reasons.
#include "dataplane/pipeline/drop_reason.h"

namespace sluice::dataplane {

std::string_view drop_reason_name(DropReason reason) noexcept {
  switch (reason) {
    case DropReason::kTruncated:
      return "truncated";
    case DropReason::kMalformed:
      return "malformed";
    case DropReason::kBadChecksum:
      return "bad_checksum";
    case DropReason::kFragment:
      return "fragment";
    case DropReason::kUnsupported:
      return "unsupported";
    case DropReason::kBadAddress:
      return "bad_address";
    case DropReason::kTtlExpired:
      return "ttl_expired";
    case DropReason::kNoTable:
      return "no_table";
    case DropReason::kNotForService:
      return "not_for_service";
    case DropReason::kNoRoute:
      return "no_route";
    case DropReason::kNoPool:
      return "no_pool";
    case DropReason::kNoNeighbor:
      return "no_neighbor";
    case DropReason::kTooBig:
      return "too_big";
    case DropReason::kRevoked:
      return "revoked";
    case DropReason::kRecalled:
      return "recalled";
    case DropReason::kAuditRefused:
      return "audit_refused";
    case DropReason::kRejectLimited:
      return "reject_limited";
    case DropReason::kNoBuffer:
      return "no_buffer";
    case DropReason::kTxFull:
      return "tx_full";
    case DropReason::kCount:
      break;
  }
  return "unknown";
}

}  // namespace sluice::dataplane
