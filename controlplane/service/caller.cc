// SPDX-License-Identifier: Apache-2.0
//
// Who calls, and what such callers may do.
#include "controlplane/service/caller.h"

#include <pwd.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "grpc/grpc_security_constants.h"

namespace sluice::controlplane {
namespace {

std::string user_name(uid_t user) {
  std::array<char, 4096> buffer = {};
  passwd entry = {};
  passwd* found = nullptr;
  ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? absl::StrCat("uid:", user) : std::string(found->pw_name);
}

void add_names(const grpc::AuthContext& context, const char* property,
               std::vector<std::string>& names) {
  for (const grpc::string_ref& value : context.FindPropertyValues(property))
    names.emplace_back(value.data(), value.size());
}

std::string text_of(const Caller& caller) {
  return caller.name.empty() ? "this caller" : caller.name;
}

}  // namespace

std::string_view name_of(v1::Role role) {
  switch (role) {
    case v1::ROLE_VIEWER:
      return "viewer";
    case v1::ROLE_OPERATOR:
      return "operator";
    case v1::ROLE_OFFICER:
      return "officer";
    case v1::ROLE_ADMIN:
      return "admin";
    default:
      return "none";
  }
}

v1::Role RoleBook::role_of_name(const std::string& name) const {
  v1::Role strongest = v1::ROLE_UNSPECIFIED;
  for (const v1::RoleBinding& binding : bindings_) {
    const bool has_it =
        std::find(binding.names().begin(), binding.names().end(), name) != binding.names().end();
    if (has_it) strongest = std::max(strongest, binding.role());
  }
  return strongest;
}

v1::Role RoleBook::role_of_user(uid_t user) const {
  if (is_open()) return v1::ROLE_ADMIN;
  v1::Role strongest = v1::ROLE_UNSPECIFIED;
  for (const v1::RoleBinding& binding : bindings_) {
    const bool has_it =
        std::find(binding.users().begin(), binding.users().end(), user) != binding.users().end();
    if (has_it) strongest = std::max(strongest, binding.role());
  }
  return strongest;
}

Caller RoleBook::local(uid_t user) const {
  return {user_name(user), role_of_user(user), !is_open()};
}

Caller RoleBook::remote(const grpc::AuthContext& context) const {
  std::vector<std::string> names;
  if (context.IsPeerAuthenticated()) {
    add_names(context, GRPC_X509_CN_PROPERTY_NAME, names);
    add_names(context, GRPC_X509_SAN_PROPERTY_NAME, names);
  }
  Caller caller;
  if (!names.empty()) caller.name = names.front();
  caller.role = is_open() ? v1::ROLE_ADMIN : v1::ROLE_UNSPECIFIED;
  caller.has_identity = !is_open();
  for (const std::string& name : names) {
    if (is_open() || role_of_name(name) <= caller.role) continue;
    caller.role = role_of_name(name);
    caller.name = name;
  }
  return caller;
}

absl::Status require_role(const Caller& caller, v1::Role needed, std::string_view deed) {
  if (caller.role >= needed) return absl::OkStatus();
  const std::string has = caller.role == v1::ROLE_UNSPECIFIED
                              ? std::string("no role")
                              : absl::StrCat("the role ", std::string(name_of(caller.role)));
  return absl::PermissionDeniedError(absl::StrCat(text_of(caller), " has ", has, "; to ",
                                                  std::string(deed), " takes the role ",
                                                  std::string(name_of(needed))));
}

absl::StatusOr<std::string> author_of(const Caller& caller, const std::string& written) {
  if (written.empty() || written == caller.name) return caller.name;
  if (!caller.has_identity) return written;
  return absl::PermissionDeniedError(absl::StrCat("the author is ", text_of(caller), ", not ",
                                                  written,
                                                  ": identities are proved here; leave --author "
                                                  "out"));
}

}  // namespace sluice::controlplane
