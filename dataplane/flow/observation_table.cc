// SPDX-License-Identifier: Apache-2.0
//
// Places and lists of observed flows.
#include "dataplane/flow/observation_table.h"

#include <algorithm>
#include <utility>

namespace sluice::dataplane {

std::optional<ObservationTable> ObservationTable::create(uint32_t capacity) noexcept {
  auto flows = TouchedArray<ObservedFlow>::create(std::max<uint32_t>(capacity, 1));
  auto slots = TouchedArray<uint32_t>::create(kSlots);
  if (!flows || !slots) return std::nullopt;
  ObservationTable table;
  table.flows_ = std::move(*flows);
  table.slots_ = std::move(*slots);
  return table;
}

ObservedFlow* ObservationTable::add(const ObservedFlow& flow) noexcept {
  uint32_t link = free_;
  if (link != 0) {
    free_ = linked(link).next;
  } else if (places_end_ < flows_.size()) {
    link = ++places_end_;
  } else {
    return nullptr;
  }
  ++size_;
  ObservedFlow& added = linked(link);
  added = flow;
  uint32_t& first = first_of(tick(flow.due_ns));
  added.next = first;
  added.previous = 0;
  if (first != 0) linked(first).previous = link;
  first = link;
  return &added;
}

void ObservationTable::remove(ObservedFlow& flow) noexcept {
  const uint32_t link = place(flow) + 1;
  if (flow.next != 0) linked(flow.next).previous = flow.previous;
  if (flow.previous != 0) {
    linked(flow.previous).next = flow.next;
  } else {
    first_of(tick(flow.due_ns)) = flow.next;
  }
  flow.next = free_;
  flow.previous = 0;
  free_ = link;
  --size_;
}

}  // namespace sluice::dataplane
