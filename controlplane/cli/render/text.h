// SPDX-License-Identifier: Apache-2.0
//
// How single values read for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/map.h"
#include "google/protobuf/timestamp.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane::cli {

std::string address_text(
    const std::string& bytes);  // "203.0.113.10"; other lengths in hexadecimal digits
std::string prefix_text(const std::string& bytes);  // address bytes, then one byte of length
std::string hexadecimal(const std::string& bytes);
std::string endpoint_text(const std::string& address_bytes, uint32_t port);  // "[2001:db8::1]:80"
std::string protocol_text(uint32_t protocol);                                // "tcp", "udp", "47"

std::string labels_text(
    const google::protobuf::Map<std::string, std::string>& labels);  // "a=b,c=d"
std::string selector_text(
    const v1::LabelSelector& selector);  // "region=eu,tier In (a|b)"; "all" for {}

absl::Time time_of(const google::protobuf::Timestamp& timestamp);
std::string time_text(
    const google::protobuf::Timestamp& timestamp);    // RFC 3339 in UTC, whole seconds
std::string age_text(absl::Duration age);             // "12s", "3m5s", "2h4m", "5d3h"
std::string count_text(double count);                 // "812", "1.2k", "3.4M", "5.6G"
std::string percent_text(double part, double whole);  // "9.8%"; "-" of nothing

// "FORWARDING_IPIP" of the enum `Forwarding` reads "ipip"; the prefix ends before the value's own
// word.
std::string short_enum_text(const std::string& name, const std::string& prefix);
// On one line, for a terminal: control characters, and bytes that are no UTF-8, as "\x1b".
std::string printable(std::string_view text);
std::string or_dash(const std::string& text);  // "-" for nothing

}  // namespace sluice::controlplane::cli
