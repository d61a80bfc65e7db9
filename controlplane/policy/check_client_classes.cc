// SPDX-License-Identifier: Apache-2.0
//
// Client classes: prefixes are well-formed, and each is in one class.
#include <charconv>

#include "controlplane/policy/checker.h"
#include "controlplane/policy/client_sets.h"
#include "dataplane/yaml/nearest_name.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

using dataplane::IpAddress;
using dataplane::IpPrefix;

// The prefix that was probably meant by one whose host bits are set.
std::optional<IpPrefix> without_host_bits(const std::string& text) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  uint8_t length = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, length);
  if (!address || error != std::errc{} || stop != end || length > address->bit_count())
    return std::nullopt;
  return IpPrefix::around(*address, length);
}

std::string path_of(const Checker& checker, const PrefixPlace& place) {
  const v1::ClientClass& declared = checker.policy().client_classes(place.client_class);
  return fmt::format("{}.spec.prefixes[{}]",
                     checker.path_of("ClientClass", declared, place.client_class), place.prefix);
}

void report(Checker& checker, const PrefixFlaw& flaw) {
  const std::string& text =
      checker.policy().client_classes(flaw.place.client_class).spec().prefixes(flaw.place.prefix);
  const std::string path = path_of(checker, flaw.place);
  if (flaw.first) {
    const std::string first = path_of(checker, *flaw.first);
    return checker.add(
        path, fmt::format("{} stands at {}{} already", IpPrefix::parse(text)->to_string(), first,
                          checker.place(first)));
  }
  const std::optional<IpPrefix> meant = without_host_bits(text);
  checker.add(
      path, meant ? fmt::format("{} has host bits set; did you mean {}?", text, meant->to_string())
                  : fmt::format("{} is no prefix; write it like 198.51.100.0/24", quote(text)));
}

}  // namespace

void check_client_classes(Checker& checker) {
  for (int i = 0; i < checker.policy().client_classes_size(); ++i) {
    const v1::ClientClass& declared = checker.policy().client_classes(i);
    const std::string path = checker.path_of("ClientClass", declared, i);
    checker.check_labels(path + ".metadata.labels", declared.metadata().labels());
    if (!declared.spec().countries().empty())
      checker.refuse_unbuilt(path + ".spec.countries", "countries are");
    if (declared.metadata().name() == kUnknownClass && !declared.spec().prefixes().empty()) {
      checker.add(path + ".spec.prefixes",
                  "unknown is the class of clients of no other class: it has no prefixes");
    }
  }
  for (const PrefixFlaw& flaw : checker.clients().flaws)
    report(checker, flaw);
}

}  // namespace sluice::controlplane
