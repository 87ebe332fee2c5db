#include "base/paths.h"

#include <unistd.h>

#include <cstdlib>

namespace acloud {

std::string default_data_folder() {
  if (::geteuid() == 0) return "/var/lib/acloud";
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0') {
    return std::string(data) + "/acloud";
  }
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/.local/share/acloud";
}

}  // namespace acloud
