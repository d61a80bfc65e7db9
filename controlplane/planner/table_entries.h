// SPDX-License-Identifier: Apache-2.0
//
// Single objects of a policy as the entries of a forwarding table, every default written out.
#pragma once

#include "controlplane/policy/client_sets.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// Shape: `entry` is empty. The prefixes of a class are in canonical order; other lists need not be.
void write_entry(const ClientSet& set, v1::ClientClassEntry& entry);
void write_entry(const v1::Service& service, v1::ServiceEntry& entry);
void write_entry(const v1::Pool& pool, v1::PoolEntry& entry);
void write_entry(const v1::Route& route, v1::RouteEntry& entry);
void write_entry(const v1::Rollout& rollout, const v1::RolloutStatus& status,
                 v1::RolloutSplit& entry);

// Whether the rollout divides a share now, or its flows are to be observed.
bool is_in_table(const v1::RolloutStatus& status);
// Whether analysis judges the rollout in its phase.
bool is_watched(const v1::RolloutStatus& status);

}  // namespace sluice::controlplane
