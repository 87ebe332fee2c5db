// Who calls, and what the key they carry leaves them.
//
// A caller's rights are the workspace's rights cut down by every grant between the workspace and the key:
// each must allow the call. A key made with another key inherits its grants and adds its own, so rights only
// ever narrow.
#pragma once

#include <string>
#include <vector>

#include "base/schema.h"

namespace acloud::kernel {

struct Grant {
  std::vector<std::string> operations;  // patterns: "object.*", "sandbox.exec", "*"; empty: all
  std::vector<std::string> resources;   // patterns: "bucket/logs-*"; empty: all
  std::optional<Time> expires;

  static constexpr auto schema = fields(
      field("operations", &Grant::operations,
            "Operations that are allowed, as patterns with *, such as \"object.*\". Empty: all.",
            length(0, 100), example(R"(["object.get","object.list"])")),
      field(
          "resources", &Grant::resources,
          "Things that may be named, as patterns with *, such as \"bucket/logs-*\". Empty: all. Where it is "
          "set, operations that name no thing are refused.",
          length(0, 100), example(R"(["bucket/reports"])")),
      field("expires", &Grant::expires, "When the key stops working."));
};

struct Caller {
  std::string workspace;
  std::string principal;      // a user, an agent or a task: "root", "key/ci", "task_..."
  std::string key;            // the id of the key that was used
  std::vector<Grant> grants;  // from the widest to the narrowest; all must allow
  bool is_operator = false;   // answers for the whole cloud: may name other workspaces
};

// True where `text` matches `pattern`, in which * stands for any characters, also none.
bool matches(std::string_view pattern, std::string_view text);

// May `caller` do `operation` on `resource` ("bucket/logs"; "" where it names none) at `now`?
// Errors: permission_denied, saying which grant refuses; unauthenticated where a grant has expired.
Result<> check_grants(const Caller& caller, std::string_view operation, std::string_view resource, Time now);

// False where check_grants() refuses `operation` whatever it names: it need not be shown to this caller.
bool may_allow(const Caller& caller, std::string_view operation, Time now);

}  // namespace acloud::kernel
