// SPDX-License-Identifier: Apache-2.0
//
// Chooses between the table on the command line and the last-good one.
#include "dataplane/daemon/boot_table.h"

#include <tuple>
#include <utility>

#include "dataplane/daemon/disk.h"
#include "dataplane/daemon/status_text.h"
#include "fmt/format.h"

namespace sluice::dataplane {

absl::StatusOr<v1::ForwardingTable> read_table_file(const std::string& path) {
  const absl::StatusOr<std::string> bytes = read_file(path);
  if (!bytes.ok())
    return absl::InvalidArgumentError(fmt::format("--table: {}", text_of(bytes.status())));
  v1::ForwardingTable table;
  if (bytes->empty() || !table.ParseFromString(*bytes)) {
    return absl::InvalidArgumentError(fmt::format(
        "--table: {} is no compiled table; make one: sluice compile -f policy.yaml -o table.binpb",
        path));
  }
  return table;
}

std::optional<BootTable> choose_boot_table(std::optional<v1::ForwardingTable> given,
                                           std::optional<v1::ForwardingTable> last_good) {
  const auto age = [](const v1::ForwardingTable& table) {
    return std::tuple(table.term(), table.revision(), table.generation());
  };
  if (given && (!last_good || age(*given) >= age(*last_good))) {
    return BootTable{*std::move(given), Durability::kSave, "--table"};
  }
  if (!last_good) return std::nullopt;
  return BootTable{
      *std::move(last_good), Durability::kAlreadySaved,
      given ? "the last-good table, which is newer than --table" : "the last-good table"};
}

}  // namespace sluice::dataplane
