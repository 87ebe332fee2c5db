// Who a command runs as: a name or number, looked up in the sandbox's own /etc/passwd.
#pragma once

#include <string>

#include "sandbox/files.h"

namespace acloud::sandbox {

struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string name = "root";
  std::string home{kHome};
};

// The entry of `name`, which may be a number, in the text of a passwd(5) file that somebody hostile may have
// written. A number without an entry is a user of that number with home "/". Errors: not_found.
Result<User> find_user(std::string_view passwd, std::string_view name);

// The same in a sandbox's file; root needs none. Blocks: for threads of a BlockingPool.
Result<User> look_up_user(const Place& place, const std::string& name);

}  // namespace acloud::sandbox
