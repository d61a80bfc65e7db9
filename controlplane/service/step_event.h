// SPDX-License-Identifier: Apache-2.0
//
// The events that the service writes about its own steps.
#pragma once

#include <string>

#include "sluice/v1/audit.pb.h"

namespace sluice::controlplane {

// Whom events name when nobody asked for the step.
inline constexpr char kController[] = "controller";

// `actor` empty: nobody who is known.
inline v1::Event step_event(const std::string& kind, const std::string& actor,
                            const std::string& reason) {
  v1::Event event;
  event.set_kind(kind);
  event.set_actor(actor.empty() ? "unknown" : actor);
  event.set_outcome(v1::Event::OUTCOME_DONE);
  event.set_reason(reason);
  return event;
}

}  // namespace sluice::controlplane
