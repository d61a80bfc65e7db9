// SPDX-License-Identifier: Apache-2.0
//
// Reads files.
#include "dataplane/yaml/text_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "fmt/format.h"

namespace sluice {

absl::StatusOr<std::string> read_text_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  const bool has_text = file && file.peek() != std::ifstream::traits_type::eof();
  const bool is_read = has_text ? static_cast<bool>(text << file.rdbuf()) : file.eof();
  if (is_read) return text.str();
  const int reason = errno != 0 ? errno : EIO;
  return absl::NotFoundError(fmt::format("cannot read {}: {}", path, std::strerror(reason)));
}

}  // namespace sluice
