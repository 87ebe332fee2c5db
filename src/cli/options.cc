#include "cli/options.h"

#include <charconv>
#include <cmath>

#include "cli/names.h"

namespace acloud::cli {
namespace {

constexpr std::string_view kOutput = "table|json|ndjson|raw";

Result<Format> parse_format(std::string_view text) {
  if (text == "table") return Format::table;
  if (text == "json") return Format::json;
  if (text == "ndjson") return Format::ndjson;
  if (text == "raw") return Format::raw;
  return fail(ErrorCode::invalid_argument, "--output takes {}, not \"{}\"", kOutput, text);
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (;;) {
    const auto comma = text.find(',');
    if (const auto part = text.substr(0, comma); !part.empty()) parts.emplace_back(part);
    if (comma == text.npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

const std::vector<OptionFlag>& option_flags() {
  static const std::vector<OptionFlag> flags{
      {"url", "URL", "The server to call: http://HOST:PORT, https://HOST or unix:/SOCKET."},
      {"key", "KEY", "The API key to call it with."},
      {"output", kOutput, "How the result is written: a table on a terminal, else JSON. Short: -o."},
      {"fields", "a,b.c", "Only these fields of the result, or of each item."},
      {"json", "JSON", "A whole request: JSON text, @FILE, or - for standard input. Flags add to it."},
      {"all", "", "Every page of a list, one item a line (NDJSON)."},
      {"dry-run", "", "Say what would happen, and do nothing."},
      {"idempotency-key", "TEXT", "The same key again does not do it again."},
      {"timeout", "TIME", "Give up after this: 30s, 500ms, 2m."},
      {"help", "", "Explain this command. Short: -h."},
      {"version", "", "Print the program's version."},
  };
  return flags;
}

const OptionFlag* find_option(std::string_view typed) {
  if (typed == "-h") typed = "--help";
  if (typed == "-o") typed = "--output";
  if (!typed.starts_with("--")) return nullptr;
  const std::string name = shown(typed.substr(2));
  const auto found = std::ranges::find(option_flags(), name, &OptionFlag::name);
  return found == option_flags().end() ? nullptr : &*found;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  double amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  const std::string_view unit(end, text.data() + text.size());
  const double milliseconds = unit == "ms"                  ? 1
                              : unit == "s" || unit.empty() ? 1e3
                              : unit == "m"                 ? 60e3
                              : unit == "h"                 ? 3600e3
                                                            : 0;
  const double total = amount * milliseconds;
  if (error != std::errc() || !std::isfinite(total) || total < 1 || total > 1e12) {
    return fail(ErrorCode::invalid_argument, "--timeout takes a time such as 30s, 500ms or 2m, not \"{}\"",
                text);
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(total));
}

Result<> set_option(Options& options, const OptionFlag& flag, std::string_view value) {
  const std::string_view name = flag.name;
  if (name == "url") options.url = value;
  if (name == "key") options.key = value;
  if (name == "json") options.request = value;
  if (name == "idempotency-key") options.idempotency_key = value;
  if (name == "fields") options.fields = split(value);
  if (name == "all") options.all = true;
  if (name == "dry-run") options.dry_run = true;
  if (name == "help") options.help = true;
  if (name == "version") options.version = true;
  if (name == "output") {
    ACLOUD_TRY(options.output, parse_format(value));
  }
  if (name == "timeout") {
    ACLOUD_TRY(options.timeout, parse_duration(value));
  }
  return {};
}

}  // namespace acloud::cli
