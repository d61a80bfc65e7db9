// SPDX-License-Identifier: Apache-2.0
//
// Prints flows and records.
#include "controlplane/cli/render/flows.h"

#include "absl/strings/str_join.h"
#include "controlplane/cli/render/text.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

void append(std::vector<std::string>& headers, std::initializer_list<const char*> more) {
  headers.insert(headers.end(), more.begin(), more.end());
}

std::vector<std::string> common_headers() {
  return {"PROTO", "CLIENT",  "SERVICE", "CLASS",   "ROUTE",
          "POOL",  "BACKEND", "NODE",    "PACKETS", "BYTES"};
}

std::vector<Cell> common_cells(const v1::FlowRecord& record) {
  return {protocol_text(record.protocol()),
          endpoint_text(record.client_address(), record.client_port()),
          record.service(),
          record.client_class(),
          record.route(),
          record.pool(),
          record.backend(),
          record.node(),
          count_text(static_cast<double>(record.packets())),
          count_text(static_cast<double>(record.bytes()))};
}

void append_wide(std::vector<Cell>& row, const v1::FlowRecord& record) {
  const std::string opened = short_enum_text(v1::Opened_Name(record.opened()), "OPENED_");
  row.insert(row.end(),
             {endpoint_text(record.service_address(), record.service_port()),
              address_text(record.backend_address()), opened,
              fmt::format("{}.{}", record.flow_id(), record.part()),
              fmt::format("{}/{}/{}", record.revision(), record.generation(), record.view())});
}

void append_wide_headers(std::vector<std::string>& headers) {
  append(headers, {"ADDRESS", "BACKEND ADDRESS", "OPENED", "FLOW.PART", "REV/GEN/VIEW"});
}

Cell end_cell(v1::EndReason reason) {
  if (reason == v1::END_REASON_UNSPECIFIED) return {"-"};
  const bool is_cut = reason == v1::END_REASON_MOVED || reason == v1::END_REASON_REVOKED ||
                      reason == v1::END_REASON_RECALLED || reason == v1::END_REASON_EVICTED;
  return {short_enum_text(v1::EndReason_Name(reason), "END_REASON_"),
          is_cut ? Colour::kYellow : Colour::kNone};
}

}  // namespace

void print_flows(std::ostream& out, const FlowRecords& flows, absl::Time now, Format format,
                 const Palette& palette) {
  std::vector<std::string> headers = common_headers();
  append(headers, {"AGE"});
  if (format == Format::kWide) append_wide_headers(headers);
  TextTable table(std::move(headers));
  for (const v1::FlowRecord& flow : flows) {
    std::vector<Cell> row = common_cells(flow);
    row.emplace_back(age_text(now - time_of(flow.start_time())));
    if (format == Format::kWide) append_wide(row, flow);
    table.add(std::move(row));
  }
  table.print(out, palette);
}

void print_records(std::ostream& out, const FlowRecords& records, Format format,
                   const Palette& palette) {
  std::vector<std::string> headers{"START"};
  for (const std::string& header : common_headers())
    headers.push_back(header);
  append(headers, {"ENDED"});
  if (format == Format::kWide) append_wide_headers(headers);
  append(headers, {"WOULD REFUSE"});
  TextTable table(std::move(headers));
  for (const v1::FlowRecord& record : records) {
    std::vector<Cell> row{time_text(record.start_time())};
    for (const Cell& cell : common_cells(record))
      row.push_back(cell);
    row.push_back(end_cell(record.end_reason()));
    if (format == Format::kWide) append_wide(row, record);
    const bool is_monitored = !record.would_refuse().empty();
    row.emplace_back(or_dash(absl::StrJoin(record.would_refuse(), ",")),
                     is_monitored ? Colour::kYellow : Colour::kNone);
    table.add(std::move(row));
  }
  table.print(out, palette);
}

}  // namespace sluice::controlplane::cli
