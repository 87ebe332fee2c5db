// A passwd file that somebody hostile wrote, after a first line that is the name looked for: never a crash; a
// user has ids that a sandbox has, and a home that is a path.
#include "base/encoding.h"
#include "fuzz.h"
#include "sandbox/users.h"

using namespace acloud;
using namespace acloud::sandbox;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  const std::size_t end = std::min(text.find('\n'), text.size());
  const auto user = find_user(text.substr(std::min(end + 1, text.size())), text.substr(0, end));
  if (user) {
    fuzz::require(user->uid < 65'535 && user->gid < 65'535, "ids of a sandbox");
    fuzz::require(user->home.starts_with('/') && is_path(user->home), "home is an absolute path");
    return 0;
  }
  fuzz::require(user.error().code() == ErrorCode::not_found, "code of an error");
  fuzz::require(is_utf8(user.error().message()), "messages are UTF-8");
  return 0;
}
