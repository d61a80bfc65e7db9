// SPDX-License-Identifier: Apache-2.0
//
// Lists that come in pages, followed up to the limit that the operator asked for.
#pragma once

#include <algorithm>
#include <cstdint>

#include "controlplane/cli/exit_code.h"
#include "google/protobuf/repeated_ptr_field.h"

namespace sluice::controlplane::cli {

inline constexpr uint32_t kPageItemsMax = 10000;  // the most that the server gives at once

template <class Item>
struct Page {
  ExitCode code = ExitCode::kOk;
  google::protobuf::RepeatedPtrField<Item> items;
  bool has_next = false;
};

// Calls `read_page(limit)` until there is no next page or `items` holds `limit` items.
template <class Item, class ReadPage>
ExitCode read_pages(uint32_t limit, google::protobuf::RepeatedPtrField<Item>& items,
                    ReadPage read_page) {
  while (true) {
    const uint32_t missing = limit - static_cast<uint32_t>(items.size());
    Page<Item> page = read_page(std::min(missing, kPageItemsMax));
    if (page.code != ExitCode::kOk) return page.code;
    const bool is_progress = !page.items.empty();
    for (Item& item : page.items) {
      if (static_cast<uint32_t>(items.size()) < limit) items.Add(std::move(item));
    }
    const bool is_full = static_cast<uint32_t>(items.size()) >= limit;
    if (is_full || !page.has_next || !is_progress) return ExitCode::kOk;
  }
}

}  // namespace sluice::controlplane::cli
