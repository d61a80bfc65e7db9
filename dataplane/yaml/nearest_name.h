// SPDX-License-Identifier: Apache-2.0
//
// Suggestions for misspelt names.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sluice {

// `; did you mean table_slots?` for the nearest of `names`, or nothing when none is near. A name
// that differs only in case, dashes or underscores is nearest of all.
std::string suggestion(std::string_view word, std::span<const std::string> names);

// The text in double quotes, unprintable characters escaped, cut where it is long: for messages.
std::string quote(std::string_view text);

}  // namespace sluice
