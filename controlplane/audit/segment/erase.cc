// SPDX-License-Identifier: Apache-2.0
//
// Makes a segment forget a client, and keep its tree.
#include "controlplane/audit/segment/erase.h"

#include <algorithm>
#include <iterator>

#include "controlplane/audit/segment/bloom_filter.h"
#include "controlplane/audit/segment/private_part.h"
#include "controlplane/audit/segment/segment_files.h"
#include "controlplane/audit/tiles.h"

namespace sluice::controlplane {

absl::StatusOr<uint64_t> erase_client(const std::filesystem::path& folder, uint64_t number,
                                      std::string_view address) {
  absl::StatusOr<FileBytes> bytes = FileBytes::open(private_path(folder, number));
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<ColumnFile> file =
      ColumnFile::open(*std::move(bytes), ColumnFileKind::kPrivate);
  if (!file.ok()) return file.status();
  const absl::StatusOr<bool> may_have = file->may_have(filter_key(address));
  if (!may_have.ok()) return may_have.status();
  if (!*may_have) return 0;
  absl::StatusOr<PrivatePart> part = read_private(*file);
  if (!part.ok()) return part.status();
  const auto client = std::find_if(part->clients.begin() + 1, part->clients.end(),
                                   [&](const Client& each) { return each.address == address; });
  if (client == part->clients.end() || address.empty()) return 0;

  const auto index = static_cast<uint64_t>(std::distance(part->clients.begin(), client));
  uint64_t rows = 0;
  for (size_t row = 0; row < part->client_of_row.size(); ++row) {
    if (part->client_of_row[row] != index) continue;
    part->erased.push_back(
        {static_cast<uint32_t>(row),
         client_commitment(client->salt, client->address, part->port_of_row[row])});
    part->client_of_row[row] = kErasedClient;
    part->port_of_row[row] = 0;
    ++rows;
  }
  *client = {};
  std::sort(part->erased.begin(), part->erased.end(),
            [](const ErasedRow& a, const ErasedRow& b) { return a.row < b.row; });
  absl::Status status = write_file(private_path(folder, number), serialize_private(*part));
  if (!status.ok()) return status;
  return rows;
}

}  // namespace sluice::controlplane
