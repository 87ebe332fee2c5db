// What every command takes, beside the fields of its operation.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace acloud::cli {

enum class Format { table, json, ndjson, raw };

struct Options {
  std::optional<std::string> url;
  std::optional<std::string> key;
  std::optional<Format> output;
  std::vector<std::string> fields;
  std::optional<std::string> request;  // --json, as it was typed
  std::optional<std::string> idempotency_key;
  std::optional<std::chrono::milliseconds> timeout;
  bool all = false;
  bool dry_run = false;
  bool help = false;
  bool version = false;
};

struct OptionFlag {
  std::string_view name;         // without the dashes
  std::string_view placeholder;  // "" where it takes no value
  std::string_view help;
};

// In the order of the help page.
const std::vector<OptionFlag>& option_flags();
// By either spelling, and -h, -o; null where there is none.
const OptionFlag* find_option(std::string_view typed);
// Errors: invalid_argument, naming the flag.
Result<> set_option(Options& options, const OptionFlag& flag, std::string_view value);

// "500ms", "30s", "2m", "1h", or seconds. Errors: invalid_argument.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace acloud::cli
