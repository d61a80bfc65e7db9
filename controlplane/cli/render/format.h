// SPDX-License-Identifier: Apache-2.0
//
// The forms of output that -o chooses from.
#pragma once

namespace sluice::controlplane::cli {

enum class Format { kTable, kWide, kJson, kYaml, kName };

inline bool is_document(Format format) {
  return format == Format::kJson || format == Format::kYaml;
}

}  // namespace sluice::controlplane::cli
