// SPDX-License-Identifier: Apache-2.0
//
// The private part of a segment: who its clients were.
#include "controlplane/audit/segment/private_part.h"

#include <algorithm>
#include <cstring>

#include "controlplane/audit/segment/bloom_filter.h"
#include "controlplane/audit/segment/wire.h"

namespace sluice::controlplane {
namespace {

std::string_view bytes_of(const auto& array) {
  return {reinterpret_cast<const char*>(array.data()), array.size()};
}

std::string serialize_clients(const std::vector<Client>& clients) {
  std::string bytes;
  append_varint(clients.size(), bytes);
  for (const Client& client : clients) {
    append_varint(client.address.size(), bytes);
    bytes += client.address;
    bytes += bytes_of(client.salt);
  }
  return bytes;
}

std::string serialize_erased(const std::vector<ErasedRow>& erased) {
  std::string bytes;
  append_varint(erased.size(), bytes);
  for (const ErasedRow& row : erased) {
    append_little(row.row, bytes);
    bytes += bytes_of(row.commitment);
  }
  return bytes;
}

template <class Array>
bool take_array(ByteReader& reader, Array& array) {
  const std::optional<std::string_view> bytes = reader.take(array.size());
  if (!bytes) return false;
  std::memcpy(array.data(), bytes->data(), array.size());
  return true;
}

std::string client_filter(const std::vector<Client>& clients) {
  std::vector<uint64_t> keys;
  keys.reserve(clients.size());
  for (const Client& client : clients) {
    if (!client.address.empty()) keys.push_back(filter_key(client.address));
  }
  return make_filter(keys, keys.size());
}

absl::Status read_rows(const ColumnFile& file, const v1::SegmentDirectory& directory,
                       PrivateColumn column, std::vector<uint64_t>& values) {
  const size_t index = index_of(column);
  values.resize(directory.head().records());
  std::span<uint64_t> rest(values);
  for (const v1::ColumnBlock& block : directory.blocks()) {
    absl::Status status =
        file.read_column(block, index, kPrivatePackings[index], {}, rest.first(block.rows()));
    if (!status.ok()) return status;
    rest = rest.subspan(block.rows());
  }
  return absl::OkStatus();
}

}  // namespace

std::string serialize_private(const PrivatePart& part) {
  ColumnFileWriter writer;
  writer.directory().mutable_head()->set_number(part.head.number());
  writer.directory().mutable_head()->set_records(part.head.records());
  writer.directory().mutable_head()->set_root(part.head.root());
  std::span<const uint64_t> clients(part.client_of_row), ports(part.port_of_row);
  while (!clients.empty()) {
    const size_t rows = std::min(kBlockRows, clients.size());
    writer.add_block(
        {{{clients.first(rows), kPrivatePackings[0]}, {ports.first(rows), kPrivatePackings[1]}}});
    clients = clients.subspan(rows);
    ports = ports.subspan(rows);
  }
  writer.add_section(v1::SECTION_KIND_CLIENTS, serialize_clients(part.clients));
  writer.add_section(v1::SECTION_KIND_ERASED, serialize_erased(part.erased));
  return std::move(writer).finish(ColumnFileKind::kPrivate, client_filter(part.clients));
}

absl::StatusOr<PrivatePart> read_private(const ColumnFile& file) {
  absl::StatusOr<v1::SegmentDirectory> directory = file.read_directory(kPrivateColumns);
  if (!directory.ok()) return directory.status();
  const absl::StatusOr<std::string> client_bytes =
      file.read_section(*directory, v1::SECTION_KIND_CLIENTS);
  if (!client_bytes.ok()) return client_bytes.status();
  const absl::StatusOr<std::string> erased_bytes =
      file.read_section(*directory, v1::SECTION_KIND_ERASED);
  if (!erased_bytes.ok()) return erased_bytes.status();
  std::optional<std::vector<Client>> clients = parse_clients(*client_bytes);
  std::optional<std::vector<ErasedRow>> erased = parse_erased(*erased_bytes);
  if (!clients || !erased) return file.bytes().damage(0, "its clients are damaged");
  PrivatePart part;
  part.clients = *std::move(clients);
  part.erased = *std::move(erased);
  absl::Status status = read_rows(file, *directory, PrivateColumn::kClient, part.client_of_row);
  if (!status.ok()) return status;
  status = read_rows(file, *directory, PrivateColumn::kClientPort, part.port_of_row);
  if (!status.ok()) return status;
  for (const uint64_t client : part.client_of_row) {
    if (client >= part.clients.size()) {
      return file.bytes().damage(0, "a row has a client that is not there");
    }
  }
  part.head = std::move(*directory->mutable_head());
  return part;
}

std::optional<std::vector<Client>> parse_clients(std::string_view bytes) {
  ByteReader reader(bytes);
  const std::optional<uint64_t> count = reader.varint();
  if (!count || *count == 0 || *count > kSegmentRowsMax + 1) return std::nullopt;
  std::vector<Client> clients;
  for (uint64_t i = 0; i < *count; ++i) {
    Client& client = clients.emplace_back();
    const std::optional<uint64_t> size = reader.varint();
    const std::optional<std::string_view> address = size ? reader.take(*size) : std::nullopt;
    if (!address || !is_client(*address, 0) || !take_array(reader, client.salt)) {
      return std::nullopt;
    }
    client.address = *address;
  }
  if (!reader.is_empty()) return std::nullopt;
  return clients;
}

std::optional<std::vector<ErasedRow>> parse_erased(std::string_view bytes) {
  ByteReader reader(bytes);
  const std::optional<uint64_t> count = reader.varint();
  if (!count || *count > kSegmentRowsMax) return std::nullopt;
  std::vector<ErasedRow> erased;
  for (uint64_t i = 0; i < *count; ++i) {
    const std::optional<uint32_t> row = reader.little<uint32_t>();
    ErasedRow next;
    if (!row || !take_array(reader, next.commitment)) return std::nullopt;
    next.row = *row;
    if (!erased.empty() && erased.back().row >= next.row) return std::nullopt;
    erased.push_back(next);
  }
  if (!reader.is_empty()) return std::nullopt;
  return erased;
}

}  // namespace sluice::controlplane
