// SPDX-License-Identifier: Apache-2.0
//
// Sorts the lists of a table, and writes it down list by list.
#include "dataplane/table/canonical_from_proto.h"

#include <openssl/sha.h>

#include <algorithm>

#include "google/protobuf/arena.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace sluice::dataplane {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr uint32_t kLengthDelimited = 2;  // the wire type of messages

// Sorts pointers to the elements, not the elements.
template <class List, class Key>
void sort_by(List& list, Key key) {
  const auto before = [&](const auto* a, const auto* b) { return key(*a) < key(*b); };
  if (std::is_sorted(list.pointer_begin(), list.pointer_end(), before)) return;
  std::stable_sort(list.pointer_begin(), list.pointer_end(), before);
}

template <class List>
void sort_by_key(List& list) {
  sort_by(list, [](const auto& entry) { return key_of(entry); });
}

template <class List>
void sort_strings(List& list) {
  sort_by(list, [](const std::string& text) { return std::string_view(text); });
}

struct TableOnArena {
  static google::protobuf::ArenaOptions large_blocks() {
    google::protobuf::ArenaOptions options;
    options.start_block_size = options.max_block_size = size_t{1} << 20;
    return options;
  }
  google::protobuf::Arena arena{large_blocks()};
  v1::ForwardingTable& table = *google::protobuf::Arena::CreateMessage<v1::ForwardingTable>(&arena);
};

// Shape: the sizes of all elements are cached.
template <class List>
std::vector<size_t> write_list(int field, const List& list, CodedOutputStream& stream) {
  std::vector<size_t> places;
  places.reserve(static_cast<size_t>(list.size()) + 1);
  for (const auto& entry : list) {
    places.push_back(static_cast<size_t>(stream.ByteCount()));
    stream.WriteTag(static_cast<uint32_t>(field) << 3 | kLengthDelimited);
    stream.WriteVarint32(static_cast<uint32_t>(entry.GetCachedSize()));
    entry.SerializeWithCachedSizes(&stream);
  }
  places.push_back(static_cast<size_t>(stream.ByteCount()));
  return places;
}

}  // namespace

std::shared_ptr<v1::ForwardingTable> make_table() {
  const auto made = std::make_shared<TableOnArena>();
  return {made, &made->table};
}

void make_canonical(v1::ForwardingTable& table) {
  sort_by_key(*table.mutable_client_classes());
  for (auto& entry : *table.mutable_client_classes())
    sort_strings(*entry.mutable_prefixes());
  sort_by_key(*table.mutable_services());
  for (auto& entry : *table.mutable_services()) {
    sort_strings(*entry.mutable_addresses());
    sort_by(*entry.mutable_ports(),
            [](const v1::ServicePort& port) { return std::pair(port.protocol(), port.port()); });
  }
  sort_by_key(*table.mutable_pools());
  for (auto& entry : *table.mutable_pools())
    sort_by_key(*entry.mutable_backends());
  sort_by_key(*table.mutable_routes());
  for (auto& entry : *table.mutable_routes()) {
    sort_by(*entry.mutable_split(),
            [](const v1::RouteSplit& part) { return std::string_view(part.pool()); });
    sort_by(*entry.mutable_rollouts(),
            [](const v1::RolloutSplit& rollout) { return std::string_view(rollout.stable()); });
    sort_strings(*entry.mutable_evicted());
    std::sort(entry.mutable_dscp()->begin(), entry.mutable_dscp()->end());
    sort_by(*entry.mutable_times(),
            [](const v1::WeekMinutes& span) { return std::pair(span.begin(), span.end()); });
  }
  sort_by_key(*table.mutable_steering());
  for (auto& entry : *table.mutable_steering())
    sort_strings(*entry.mutable_eligible_pools());
  sort_by_key(*table.mutable_overrides());
}

CanonicalTable::CanonicalTable(v1::ForwardingTable message)
    : CanonicalTable(std::make_shared<v1::ForwardingTable>(std::move(message))) {}

CanonicalTable::CanonicalTable(std::shared_ptr<v1::ForwardingTable> message) {
  make_canonical(*message);
  message_ = std::move(message);
  write();
  digest_ = sha256(bytes_);
}

void CanonicalTable::write() {
  bytes_.reserve(message_->ByteSizeLong());
  google::protobuf::io::StringOutputStream target(&bytes_);
  CodedOutputStream stream(&target);
  stream.SetSerializationDeterministic(true);
  v1::ForwardingTable header;
  copy_header(*message_, header);
  header.SerializeToCodedStream(&stream);
  const auto write_field = [&](int field, const auto& list) {
    places_[static_cast<size_t>(field - kFirstList)] = write_list(field, list, stream);
  };
  using Message = v1::ForwardingTable;
  write_field(Message::kClientClassesFieldNumber, message_->client_classes());
  write_field(Message::kServicesFieldNumber, message_->services());
  write_field(Message::kPoolsFieldNumber, message_->pools());
  write_field(Message::kRoutesFieldNumber, message_->routes());
  write_field(Message::kSteeringFieldNumber, message_->steering());
  write_field(Message::kOverridesFieldNumber, message_->overrides());
}

std::string_view CanonicalTable::bytes_of(int field, int index) const {
  const std::vector<size_t>& places = places_[static_cast<size_t>(field - kFirstList)];
  const size_t begin = places[static_cast<size_t>(index)];
  return std::string_view(bytes_).substr(begin, places[static_cast<size_t>(index) + 1] - begin);
}

std::string_view CanonicalTable::bytes_of(int field) const {
  const std::vector<size_t>& places = places_[static_cast<size_t>(field - kFirstList)];
  return std::string_view(bytes_).substr(places.front(), places.back() - places.front());
}

std::string sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(),
         reinterpret_cast<uint8_t*>(digest.data()));
  return digest;
}

void copy_header(const v1::ForwardingTable& from, v1::ForwardingTable& to) {
  to.set_generation(from.generation());
  to.set_revision(from.revision());
  to.set_term(from.term());
  to.set_steering_key(from.steering_key());
  to.set_eligibility_epoch(from.eligibility_epoch());
}

}  // namespace sluice::dataplane
