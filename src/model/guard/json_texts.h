// The texts in a JSON document: what a guardrail looks at in requests and whole replies.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace acloud::model::guard {

// A string or a number.
struct JsonText {
  std::size_t begin;  // of the token, with its quotes
  std::size_t end;
  std::string_view text;  // without escapes
};
using VisitText = std::function<Result<>(const JsonText&)>;

// Visits them in their order: every string, but not what ties a conversation together and holds no text of
// anybody's: types, roles, ids, the model's name, signatures and encrypted reasoning. In the `input` object
// of a tool's call, which is the caller's own, all strings, names and numbers. Errors: invalid_argument where
// `json` is no JSON; those of `visit`, which end the walk.
Result<> each_text(std::string_view json, const VisitText& visit);

}  // namespace acloud::model::guard
