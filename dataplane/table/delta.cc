// SPDX-License-Identifier: Apache-2.0
//
// Differences between tables.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "dataplane/table/canonical_from_proto.h"
#include "dataplane/table/from_proto.h"

namespace sluice::dataplane {
namespace {

// One list of a canonical table.
template <class List>
struct Side {
  const CanonicalTable* table;  // null only when the list is empty
  int field;
  const List& list;

  std::string_view bytes(int index) const { return table->bytes_of(field, index); }
};
template <class List>
Side(const CanonicalTable*, int, const List&) -> Side<List>;

// Calls `changed` with each target entry that is new or differs, `removed` with each base entry
// that is gone. Both lists are sorted: one walk over the two.
template <class List>
void compare(const Side<List>& base, const Side<List>& target, auto changed, auto removed) {
  int old = 0;
  for (int i = 0; i < target.list.size(); ++i) {
    const auto key = key_of(target.list[i]);
    for (; old < base.list.size() && key_of(base.list[old]) < key; ++old)
      removed(base.list[old]);
    const bool is_known = old < base.list.size() && key_of(base.list[old]) == key;
    if (!is_known || base.bytes(old) != target.bytes(i)) changed(target.list[i]);
    if (is_known) ++old;
  }
  for (; old < base.list.size(); ++old)
    removed(base.list[old]);
}

// Takes what is in `removed` out of the sorted list, then puts `changed` in the place of what it
// replaces, what is new at the end.
template <class List, class Keys>
void patch(List& list, const List& changed, const Keys& removed) {
  using Key = decltype(key_of(list[0]));
  if (!removed.empty()) {
    const std::set<Key> gone(removed.begin(), removed.end());
    int kept = 0;
    for (int i = 0; i < list.size(); ++i) {
      if (!gone.contains(key_of(list[i]))) list.SwapElements(kept++, i);
    }
    list.DeleteSubrange(kept, list.size() - kept);
  }
  const int known = list.size();
  for (const auto& entry : changed) {
    const auto end = list.begin() + known;
    const auto place =
        std::lower_bound(list.begin(), end, key_of(entry),
                         [](const auto& each, const Key& key) { return key_of(each) < key; });
    const bool replaces = place != end && key_of(*place) == key_of(entry);
    (replaces ? *place : *list.Add()) = entry;
  }
}

}  // namespace

v1::TableDelta make_delta(const CanonicalTable* base, const CanonicalTable& target) {
  using Message = v1::ForwardingTable;
  v1::TableDelta delta;
  if (base != nullptr) delta.set_base_digest(base->digest());
  delta.set_target_digest(target.digest());
  Message& changed = *delta.mutable_changed();
  copy_header(target.message(), changed);
  const Message& before = base == nullptr ? Message::default_instance() : base->message();
  const Message& after = target.message();
  const auto compare_lists = [&](int field, const auto& old, const auto& current, auto add_changed,
                                 auto add_removed) {
    compare(Side{base, field, old}, Side{&target, field, current}, add_changed, add_removed);
  };
  compare_lists(
      Message::kClientClassesFieldNumber, before.client_classes(), after.client_classes(),
      [&](const auto& entry) { *changed.add_client_classes() = entry; },
      [&](const auto& entry) { delta.add_removed_client_classes(entry.name()); });
  compare_lists(
      Message::kServicesFieldNumber, before.services(), after.services(),
      [&](const auto& entry) { *changed.add_services() = entry; },
      [&](const auto& entry) { delta.add_removed_services(entry.name()); });
  compare_lists(
      Message::kPoolsFieldNumber, before.pools(), after.pools(),
      [&](const auto& entry) { *changed.add_pools() = entry; },
      [&](const auto& entry) { delta.add_removed_pools(entry.name()); });
  compare_lists(
      Message::kRoutesFieldNumber, before.routes(), after.routes(),
      [&](const auto& entry) { *changed.add_routes() = entry; },
      [&](const auto& entry) { delta.add_removed_routes(entry.name()); });
  compare_lists(
      Message::kSteeringFieldNumber, before.steering(), after.steering(),
      [&](const auto& entry) { *changed.add_steering() = entry; },
      [&](const auto& entry) {
        v1::SteeringEntry& removed = *delta.add_removed_steering();
        removed.set_service(entry.service());
        removed.set_client_class(entry.client_class());
      });
  const auto replace = [&](const auto&) { delta.set_overrides_replaced(true); };
  compare_lists(Message::kOverridesFieldNumber, before.overrides(), after.overrides(), replace,
                replace);
  if (delta.overrides_replaced()) *changed.mutable_overrides() = after.overrides();
  return delta;
}

absl::StatusOr<CanonicalTable> apply_delta(const CanonicalTable* base,
                                           const v1::TableDelta& delta) {
  const std::shared_ptr<v1::ForwardingTable> made = make_table();
  v1::ForwardingTable& result = *made;
  if (!delta.base_digest().empty()) {
    if (base == nullptr || base->digest() != delta.base_digest()) {
      return absl::FailedPreconditionError("the delta is from another base table");
    }
    result = base->message();
  }
  const v1::ForwardingTable& changed = delta.changed();
  copy_header(changed, result);
  patch(*result.mutable_client_classes(), changed.client_classes(), delta.removed_client_classes());
  patch(*result.mutable_services(), changed.services(), delta.removed_services());
  patch(*result.mutable_pools(), changed.pools(), delta.removed_pools());
  patch(*result.mutable_routes(), changed.routes(), delta.removed_routes());
  std::set<decltype(key_of(changed.steering(0)))> removed_rows;
  for (const v1::SteeringEntry& entry : delta.removed_steering())
    removed_rows.insert(key_of(entry));
  patch(*result.mutable_steering(), changed.steering(), removed_rows);
  if (delta.overrides_replaced()) *result.mutable_overrides() = changed.overrides();
  CanonicalTable target(made);
  if (target.digest() != delta.target_digest()) {
    return absl::InvalidArgumentError("the table that the delta makes has another digest");
  }
  return target;
}

}  // namespace sluice::dataplane
