// SPDX-License-Identifier: Apache-2.0
//
// Seals messages into files that prove themselves.
#include "dataplane/daemon/table_store.h"

#include <openssl/sha.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "dataplane/daemon/disk.h"
#include "fmt/format.h"

namespace sluice::dataplane {
namespace {

constexpr std::string_view kMagic = "sluice-sealed-1\n";
constexpr size_t kHeadBytes = kMagic.size() + sizeof(uint64_t);

// Moves a damaged file out of the way, so that it can be looked at and is not tripped over again.
void keep_aside(const std::string& path, std::string_view why,
                std::vector<std::string>& complaints) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::string aside = fmt::format(
      "{}.corrupt-{}", path, std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  const bool moved = std::rename(path.c_str(), aside.c_str()) == 0;
  complaints.push_back(moved ? fmt::format("{} is damaged ({}); kept as {}", path, why, aside)
                             : fmt::format("{} is damaged ({}) and cannot be moved: {}", path, why,
                                           std::strerror(errno)));
}

template <class Message>
std::optional<Message> load(const std::string& path, std::vector<std::string>& complaints) {
  const absl::StatusOr<std::string> sealed = read_file(path);
  if (absl::IsNotFound(sealed.status())) return std::nullopt;
  if (!sealed.ok()) {
    complaints.emplace_back(sealed.status().message());
    return std::nullopt;
  }
  const absl::StatusOr<std::string> payload = unseal(*sealed);
  Message message;
  if (payload.ok() && message.ParseFromString(*payload)) return message;
  keep_aside(path, std::string(payload.ok() ? "no such message" : payload.status().message()),
             complaints);
  return std::nullopt;
}

}  // namespace

std::string seal(std::string_view payload) {
  std::string sealed(kMagic);
  sealed.reserve(kHeadBytes + payload.size() + SHA256_DIGEST_LENGTH);
  for (size_t byte = 0; byte < sizeof(uint64_t); ++byte) {
    sealed.push_back(static_cast<char>(uint64_t{payload.size()} >> 8 * byte & 0xff));
  }
  sealed.append(payload);
  return sealed.append(sha256(sealed));
}

absl::StatusOr<std::string> unseal(std::string_view sealed) {
  if (sealed.size() < kHeadBytes + SHA256_DIGEST_LENGTH) return absl::DataLossError("cut short");
  if (sealed.substr(0, kMagic.size()) != kMagic)
    return absl::DataLossError("not a file of this kind");
  uint64_t length = 0;
  for (size_t byte = 0; byte < sizeof(uint64_t); ++byte) {
    length |= uint64_t{static_cast<uint8_t>(sealed[kMagic.size() + byte])} << 8 * byte;
  }
  if (length != sealed.size() - kHeadBytes - SHA256_DIGEST_LENGTH) {
    return absl::DataLossError("the length does not fit");
  }
  const std::string_view content = sealed.substr(0, sealed.size() - SHA256_DIGEST_LENGTH);
  if (sha256(content) != sealed.substr(content.size()))
    return absl::DataLossError("the digest does not fit");
  return std::string(content.substr(kHeadBytes));
}

absl::Status TableStore::save(const CanonicalTable& table) {
  return replace_file(table_path(), seal(table.bytes()));
}

absl::Status TableStore::save(const SavedHealth& health) {
  return replace_file(health_path(), seal(health.SerializeAsString()));
}

std::optional<v1::ForwardingTable> TableStore::load_table(std::vector<std::string>& complaints) {
  return load<v1::ForwardingTable>(table_path(), complaints);
}

std::optional<SavedHealth> TableStore::load_health(std::vector<std::string>& complaints) {
  return load<SavedHealth>(health_path(), complaints);
}

}  // namespace sluice::dataplane
