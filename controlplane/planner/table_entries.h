// SPDX-License-Identifier: Apache-2.0
//
// Single objects of a policy as the entries of a forwarding table, every default written out.
#pragma once

#include "controlplane/policy/client_sets.h"
#include "sluice/v1/policy.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// The lists of each entry are in canonical order.
v1::ClientClassEntry to_entry(const ClientSet& set);
v1::ServiceEntry to_entry(const v1::Service& service);
v1::PoolEntry to_entry(const v1::Pool& pool);
v1::RouteEntry to_entry(const v1::Route& route);

}  // namespace sluice::controlplane
