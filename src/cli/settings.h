// Which server a command calls, and as whom.
//
// The url comes from --url, else ACLOUD_URL, else the configuration file, else it is http://127.0.0.1:7300.
// The key comes from --key, else ACLOUD_API_KEY, else the configuration file. A key of the file goes only to
// the url of the file, and the root key of this machine's data folder only to the default url: neither is
// ever sent to a server that somebody else named.
#pragma once

#include <string>

#include "base/error.h"
#include "cli/options.h"
#include "cli/world.h"

namespace acloud::cli {

inline constexpr std::string_view kDefaultUrl = "http://127.0.0.1:7300";

struct Settings {
  std::string url;
  std::string url_from;  // "--url", "ACLOUD_URL", the file's path, "the default"
  std::string key;       // "" where there is none
  std::string key_from;
};

// Errors: invalid_argument (the file, with its line; the url).
Result<Settings> find_settings(const Options& options, const World& world);

// Where the configuration file is, whether it exists or not; "" where there is no home.
std::string configuration_path(const World& world);

}  // namespace acloud::cli
