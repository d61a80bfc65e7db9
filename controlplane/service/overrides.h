// SPDX-License-Identifier: Apache-2.0
//
// The list of drains and recalls that operators asked for.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "controlplane/store/revision_store.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// `overrides` with `change` set, or lifted when its state is unspecified; sorted by pool and
// backend.
std::vector<v1::Override> with_override(const std::vector<v1::Override>& overrides,
                                        const v1::Override& change);

bool same_overrides(const std::vector<v1::Override>& a, const std::vector<v1::Override>& b);
// Whether the overrides are others with any of these changes.
bool change_anything(const std::vector<v1::Override>& changes,
                     const std::vector<v1::Override>& overrides);

// Those whose pool and backend the policy has. The others wait: a drain outlives the deletion of
// its pool.
std::vector<v1::Override> effective_overrides(const std::vector<v1::Override>& overrides,
                                              const v1::Policy& policy);

// "pool/NAME" or "backend/POOL/NAME"
std::string target_of(const v1::Override& override);

// Whether this very pool or backend is recalled.
bool is_recalled(const v1::Override& place, const std::vector<v1::Override>& overrides);

// Errors: FAILED_PRECONDITION (`place` is in another state than `lifted`), naming the verb that
// would lift it.
absl::Status check_lifts(const v1::Override& place, v1::Override::State lifted,
                         const std::vector<v1::Override>& overrides);

// What is written about an order when `before` was in force: a drain, a recall, or the lifting of
// one.
v1::Event override_event(const OverrideOrder& order, const std::vector<v1::Override>& before);

// Errors: NOT_FOUND, with the nearest name.
absl::Status check_exists(const v1::Override& change, const v1::Policy& policy);

// Every override that the request is about.
std::vector<v1::Override> overrides_of(const v1::SetOverrideRequest& request);

// Of the request alone.  Errors: INVALID_ARGUMENT.
absl::Status check_overrides(const v1::SetOverrideRequest& request);

// What is set or lifted, on `before`. Lifting what is there takes no policy that has it.
// Errors: NOT_FOUND (all names that the policy does not have), FAILED_PRECONDITION (a drain of what
// is recalled).
absl::Status check_overrides(const std::vector<v1::Override>& changes,
                             const std::vector<v1::Override>& before, const v1::Policy& policy);

}  // namespace sluice::controlplane
