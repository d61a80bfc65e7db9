// SPDX-License-Identifier: Apache-2.0
//
// The canonical form of a table, its digest, and differences between tables.
#include <openssl/sha.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "dataplane/table/canonical_from_proto.h"
#include "dataplane/table/from_proto.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace sluice::dataplane {
namespace {

using RowKey = std::pair<std::string, std::string>;

std::string deterministic_bytes(const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

std::string key_of(const auto& entry) {
  return entry.name();
}
RowKey key_of(const v1::SteeringEntry& entry) {
  return {entry.service(), entry.client_class()};
}
RowKey key_of(const v1::Override& entry) {
  return {entry.pool(), entry.backend()};
}

template <class List, class Key>
void sort_by(List& list, Key key) {
  std::stable_sort(list.begin(), list.end(),
                   [&](const auto& a, const auto& b) { return key(a) < key(b); });
}

template <class List>
void sort_by_key(List& list) {
  sort_by(list, [](const auto& entry) { return key_of(entry); });
}

template <class List>
auto by_key(const List& list) {
  std::map<decltype(key_of(*list.begin())), const typename List::value_type*> result;
  for (const auto& entry : list)
    result[key_of(entry)] = &entry;
  return result;
}

// Calls `changed` with each target entry that is new or differs, `removed` with each base entry
// that is gone.
template <class List>
void compare(const List& base, const List& target, auto changed, auto removed) {
  const auto before = by_key(base);
  const auto after = by_key(target);
  for (const auto& [key, entry] : after) {
    const auto old = before.find(key);
    if (old == before.end() || deterministic_bytes(*old->second) != deterministic_bytes(*entry)) {
      changed(*entry);
    }
  }
  for (const auto& [key, entry] : before) {
    if (!after.contains(key)) removed(*entry);
  }
}

// `list` without `removed` and with `changed` in the place of what they replace.
template <class List, class Keys>
void patch(List& list, const List& changed, const Keys& removed) {
  std::set<decltype(key_of(*list.begin()))> gone(removed.begin(), removed.end());
  for (const auto& entry : changed)
    gone.insert(key_of(entry));
  List kept;
  for (auto& entry : list) {
    if (!gone.contains(key_of(entry))) *kept.Add() = std::move(entry);
  }
  kept.MergeFrom(changed);
  list.Swap(&kept);
}

void copy_header(const v1::ForwardingTable& from, v1::ForwardingTable& to) {
  to.set_generation(from.generation());
  to.set_revision(from.revision());
  to.set_term(from.term());
  to.set_steering_key(from.steering_key());
  to.set_eligibility_epoch(from.eligibility_epoch());
}

std::string digest_of_canonical(const v1::ForwardingTable& message) {
  const std::string bytes = deterministic_bytes(message);
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(),
         reinterpret_cast<uint8_t*>(digest.data()));
  return digest;
}

}  // namespace

v1::ForwardingTable canonical(v1::ForwardingTable message) {
  sort_by_key(*message.mutable_client_classes());
  for (auto& entry : *message.mutable_client_classes()) {
    std::sort(entry.mutable_prefixes()->begin(), entry.mutable_prefixes()->end());
  }
  sort_by_key(*message.mutable_services());
  for (auto& entry : *message.mutable_services()) {
    std::sort(entry.mutable_addresses()->begin(), entry.mutable_addresses()->end());
    sort_by(*entry.mutable_ports(),
            [](const v1::ServicePort& port) { return std::pair(port.protocol(), port.port()); });
  }
  sort_by_key(*message.mutable_pools());
  for (auto& entry : *message.mutable_pools())
    sort_by_key(*entry.mutable_backends());
  sort_by_key(*message.mutable_routes());
  for (auto& entry : *message.mutable_routes()) {
    sort_by(*entry.mutable_split(), [](const v1::RouteSplit& part) { return part.pool(); });
  }
  sort_by_key(*message.mutable_steering());
  for (auto& entry : *message.mutable_steering()) {
    std::sort(entry.mutable_eligible_pools()->begin(), entry.mutable_eligible_pools()->end());
  }
  sort_by_key(*message.mutable_overrides());
  return message;
}

std::string table_digest(const v1::ForwardingTable& message) {
  return digest_of_canonical(canonical(message));
}

v1::TableDelta make_delta(const v1::ForwardingTable* base, const v1::ForwardingTable& target) {
  const v1::ForwardingTable before = base == nullptr ? v1::ForwardingTable() : canonical(*base);
  const v1::ForwardingTable after = canonical(target);
  v1::TableDelta delta;
  if (base != nullptr) delta.set_base_digest(digest_of_canonical(before));
  delta.set_target_digest(digest_of_canonical(after));
  v1::ForwardingTable& changed = *delta.mutable_changed();
  copy_header(after, changed);
  compare(
      before.client_classes(), after.client_classes(),
      [&](const auto& entry) { *changed.add_client_classes() = entry; },
      [&](const auto& entry) { delta.add_removed_client_classes(entry.name()); });
  compare(
      before.services(), after.services(),
      [&](const auto& entry) { *changed.add_services() = entry; },
      [&](const auto& entry) { delta.add_removed_services(entry.name()); });
  compare(
      before.pools(), after.pools(), [&](const auto& entry) { *changed.add_pools() = entry; },
      [&](const auto& entry) { delta.add_removed_pools(entry.name()); });
  compare(
      before.routes(), after.routes(), [&](const auto& entry) { *changed.add_routes() = entry; },
      [&](const auto& entry) { delta.add_removed_routes(entry.name()); });
  compare(
      before.steering(), after.steering(),
      [&](const auto& entry) { *changed.add_steering() = entry; },
      [&](const auto& entry) {
        v1::SteeringEntry& removed = *delta.add_removed_steering();
        removed.set_service(entry.service());
        removed.set_client_class(entry.client_class());
      });
  const auto replace = [&](const auto&) { delta.set_overrides_replaced(true); };
  compare(before.overrides(), after.overrides(), replace, replace);
  if (delta.overrides_replaced()) *changed.mutable_overrides() = after.overrides();
  return delta;
}

absl::StatusOr<v1::ForwardingTable> apply_delta(const v1::ForwardingTable& base,
                                                const v1::TableDelta& delta) {
  v1::ForwardingTable result;
  if (!delta.base_digest().empty()) {
    result = canonical(base);
    if (digest_of_canonical(result) != delta.base_digest()) {
      return absl::FailedPreconditionError("the delta is from another base table");
    }
  }
  const v1::ForwardingTable& changed = delta.changed();
  copy_header(changed, result);
  patch(*result.mutable_client_classes(), changed.client_classes(), delta.removed_client_classes());
  patch(*result.mutable_services(), changed.services(), delta.removed_services());
  patch(*result.mutable_pools(), changed.pools(), delta.removed_pools());
  patch(*result.mutable_routes(), changed.routes(), delta.removed_routes());
  std::set<RowKey> removed_rows;
  for (const auto& entry : delta.removed_steering())
    removed_rows.insert(key_of(entry));
  patch(*result.mutable_steering(), changed.steering(), removed_rows);
  if (delta.overrides_replaced()) *result.mutable_overrides() = changed.overrides();
  result = canonical(std::move(result));
  if (digest_of_canonical(result) != delta.target_digest()) {
    return absl::InvalidArgumentError("the table that the delta makes has another digest");
  }
  return result;
}

}  // namespace sluice::dataplane
