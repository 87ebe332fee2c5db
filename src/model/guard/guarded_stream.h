// A streamed reply under guardrails: events go on as they came, but for those whose texts are not decided yet
// (text_matcher.h), which wait, and those in which something is masked, which are written anew.
//
// It looks at what the client would get, so it is the same for replies that are passed on and that are
// translated. What may be blocked or masked is held back; what is only flagged is not. Comments, which
// providers send as signs of life, overtake what waits.
#pragma once

#include "model/guard/guard.h"
#include "model/pipe.h"

namespace acloud::model::guard {

// `inner` makes events of `form`. Errors of take() and end(), beside inner's: permission_denied (is_blocked):
// a rule blocks; too_large: more waits than is kept; unavailable: the events are not of their dialect.
// REQUIRES: `guard` and `findings` outlive it.
std::unique_ptr<StreamPipe> guarded(std::unique_ptr<StreamPipe> inner, Form form, const Guard& guard,
                                    Findings& findings);

}  // namespace acloud::model::guard
