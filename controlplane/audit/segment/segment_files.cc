// SPDX-License-Identifier: Apache-2.0
//
// How the files of segments are named.
#include "controlplane/audit/segment/segment_files.h"

#include <charconv>
#include <string>
#include <system_error>

#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

std::filesystem::path path_of(const std::filesystem::path& folder, uint64_t number,
                              std::string_view ending) {
  return folder / fmt::format("{:020}{}", number, ending);
}

}  // namespace

std::filesystem::path public_path(const std::filesystem::path& folder, uint64_t number) {
  return path_of(folder, number, kPublicEnding);
}

std::filesystem::path private_path(const std::filesystem::path& folder, uint64_t number) {
  return path_of(folder, number, kPrivateEnding);
}

std::filesystem::path journal_path(const std::filesystem::path& folder, uint64_t number) {
  return path_of(folder, number, kJournalEnding);
}

absl::StatusOr<std::set<uint64_t>> numbers_of(const std::filesystem::path& folder,
                                              std::string_view ending) {
  std::error_code error;
  std::set<uint64_t> numbers;
  std::filesystem::directory_iterator each(folder, error);
  for (; !error && each != std::filesystem::directory_iterator(); each.increment(error)) {
    const std::string name = each->path().filename().string();
    uint64_t number = 0;
    const char* const end = name.data() + name.size();
    const auto [rest, problem] = std::from_chars(name.data(), end, number);
    const bool is_number = problem == std::errc();
    if (is_number && std::string_view(rest, static_cast<size_t>(end - rest)) == ending)
      numbers.insert(number);
  }
  if (!error) return numbers;
  std::string text = fmt::format("cannot list {}: {}", folder.string(), error.message());
  if (error == std::errc::no_such_file_or_directory) return absl::NotFoundError(text);
  return absl::UnavailableError(text);
}

}  // namespace sluice::controlplane
