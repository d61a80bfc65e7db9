// SPDX-License-Identifier: Apache-2.0
//
// The terms on which a change is asked for, as those who approve it see them.
#pragma once

#include <string>

#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

// As they are typed: "--strike --max-moved 2% --confirm-within 5m"; empty: none. A change that
// breaks glass is approved by nobody.
std::string terms_text(const v1::ApplyRequest& request);

// The name of the plan with this digest on the request's terms: 32 bytes, and the plan's own where
// there are none beside `strike`, which every plan's digest covers.
std::string digest_on_terms(const std::string& plan_digest, const v1::ApplyRequest& request);

}  // namespace sluice::controlplane
