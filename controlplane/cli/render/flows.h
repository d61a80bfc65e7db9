// SPDX-License-Identifier: Apache-2.0
//
// Flows and their records as tables.
#pragma once

#include <ostream>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/cli/render/format.h"
#include "controlplane/cli/render/table.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::controlplane::cli {

using FlowRecords = google::protobuf::RepeatedPtrField<v1::FlowRecord>;

// Live flows with their age at `now`. `format` is table or wide.
void print_flows(std::ostream& out, const FlowRecords& flows, absl::Time now, Format format,
                 const Palette& palette);
// Records with the time they began and why they ended.
void print_records(std::ostream& out, const FlowRecords& records, Format format,
                   const Palette& palette);

}  // namespace sluice::controlplane::cli
