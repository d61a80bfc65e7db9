// SPDX-License-Identifier: Apache-2.0
//
// The canonical form of a forwarding table, with the bytes that stand for it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

// What the elements of each list are sorted by.
std::string_view key_of(const auto& entry) {
  return entry.name();
}
inline std::pair<std::string_view, std::string_view> key_of(const v1::SteeringEntry& entry) {
  return {entry.service(), entry.client_class()};
}
inline std::pair<std::string_view, std::string_view> key_of(const v1::Override& entry) {
  return {entry.pool(), entry.backend()};
}

// An empty table on an arena of its own: large tables are made and dropped as a whole, which takes
// no call for each of their objects.
std::shared_ptr<v1::ForwardingTable> make_table();

// Puts every list into its canonical order.  Cost: one pass when it is so already.
void make_canonical(v1::ForwardingTable& table);

// A table in canonical form with its bytes: its digest, its differences to other tables and its
// copies on disk are made of them. It is large, so it is made once and then shared. Immutable after
// construction.
class CanonicalTable {
 public:
  // Shape: `message` is not changed from outside any more.
  explicit CanonicalTable(std::shared_ptr<v1::ForwardingTable> message);
  // Every table has a canonical form, so it may stand where one is asked for.
  CanonicalTable(v1::ForwardingTable message);  // NOLINT(google-explicit-constructor)

  const v1::ForwardingTable& message() const { return *message_; }
  uint64_t generation() const { return message_->generation(); }
  // Protobuf's deterministic serialization of the message.
  const std::string& bytes() const { return bytes_; }
  // SHA-256 of the bytes; 32 bytes.
  const std::string& digest() const { return digest_; }

  // The bytes of one element of a list, and of all of them; equal bytes mean equal elements.
  // Shape: `field` is the number of a list of `ForwardingTable`.
  std::string_view bytes_of(int field, int index) const;
  std::string_view bytes_of(int field) const;

 private:
  static constexpr int kFirstList = v1::ForwardingTable::kClientClassesFieldNumber;
  static constexpr int kLastList = v1::ForwardingTable::kOverridesFieldNumber;

  void write();

  std::shared_ptr<const v1::ForwardingTable> message_;
  std::string bytes_;
  std::string digest_;
  // By list: where each element begins in the bytes, then where the last one ends.
  std::array<std::vector<size_t>, kLastList - kFirstList + 1> places_;
};

// SHA-256; 32 bytes.
std::string sha256(std::string_view bytes);

// Fields 1 to 5, which are no lists.
void copy_header(const v1::ForwardingTable& from, v1::ForwardingTable& to);

}  // namespace sluice::dataplane
