// SPDX-License-Identifier: Apache-2.0
//
// Who calls, and what such callers may do.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/security/auth_context.h"
#include "grpcpp/server_context.h"
#include "sluice/v1/config.pb.h"

namespace sluice::controlplane {

struct Caller {
  std::string name;  // of the user or the certificate; empty: nobody proved one
  v1::Role role = v1::ROLE_UNSPECIFIED;
  bool has_identity = false;  // roles are configured: `name` is proved and cannot be chosen
};

// Whom the calls of one server come from.
using CallerOf = std::function<Caller(const grpc::ServerContext*)>;

// Who has which role. Immutable.  Thread: any.
class RoleBook {
 public:
  RoleBook() = default;
  explicit RoleBook(std::vector<v1::RoleBinding> bindings) : bindings_(std::move(bindings)) {}

  // Nobody was given a role: everybody who reaches the controller is an admin.
  bool is_open() const { return bindings_.empty(); }
  // A process of this host. Named after its user, or "uid:N" when the user has no name.
  Caller local(uid_t user) const;
  // Without asking for its name.
  bool has_role(uid_t user) const { return role_of_user(user) != v1::ROLE_UNSPECIFIED; }
  // Somebody with a certificate. Named after the first of its names that has the strongest role,
  // else after its common name.
  Caller remote(const grpc::AuthContext& context) const;

 private:
  v1::Role role_of_name(const std::string& name) const;
  v1::Role role_of_user(uid_t user) const;

  std::vector<v1::RoleBinding> bindings_;
};

// "viewer"
std::string_view name_of(v1::Role role);

// `deed` goes on after "to": "apply a policy".
// Errors: PERMISSION_DENIED, one sentence that names the caller, its role and the role that is
// missing.
absl::Status require_role(const Caller& caller, v1::Role needed, std::string_view deed);

// Whose name a change carries: the identity of the caller, or what it wrote where nobody has one.
// Errors: PERMISSION_DENIED (it wrote another name than its own).
absl::StatusOr<std::string> author_of(const Caller& caller, const std::string& written);

}  // namespace sluice::controlplane
