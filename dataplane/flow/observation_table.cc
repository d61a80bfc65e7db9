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
  uint32_t place = free_;
  if (place != 0) {
    free_ = linked(place).next;
  } else if (places_end_ < flows_.size()) {
    place = ++places_end_;
  } else {
    return nullptr;
  }
  ++size_;
  ObservedFlow& added = linked(place);
  added = flow;
  link(added);
  return &added;
}

void ObservationTable::remove(ObservedFlow& flow) noexcept {
  unlink(flow);
  flow.next = free_;
  flow.previous = 0;
  free_ = place(flow) + 1;
  --size_;
}

void ObservationTable::postpone(ObservedFlow& flow, uint64_t due_ns) noexcept {
  unlink(flow);
  flow.due_ns = due_ns;
  link(flow);
}

void ObservationTable::link(ObservedFlow& flow) noexcept {
  const uint32_t link = place(flow) + 1;
  uint32_t& first = first_of(tick(flow.due_ns));
  flow.next = first;
  flow.previous = 0;
  if (first != 0) linked(first).previous = link;
  first = link;
}

void ObservationTable::unlink(const ObservedFlow& flow) noexcept {
  if (flow.next != 0) linked(flow.next).previous = flow.previous;
  if (flow.previous != 0) {
    linked(flow.previous).next = flow.next;
  } else {
    first_of(tick(flow.due_ns)) = flow.next;
  }
}

}  // namespace sluice::dataplane
