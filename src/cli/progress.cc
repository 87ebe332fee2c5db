#include "cli/progress.h"

#include <fmt/format.h>

namespace acloud::cli {
namespace {

constexpr int kWidth = 30;
constexpr std::string_view kClearLine = "\r\x1b[K";

std::optional<std::int64_t> count(const OrderedJson& data, const char* name) {
  const auto found = data.find(name);
  if (found == data.end() || !found->is_number_integer()) return std::nullopt;
  const auto value = found->get<std::int64_t>();
  return value < 0 ? std::nullopt : std::optional(value);
}

std::string megabytes(std::int64_t bytes) { return fmt::format("{:.1f}", static_cast<double>(bytes) / 1e6); }

}  // namespace

std::optional<std::string> progress_line(const OrderedJson& data) {
  if (!data.is_object()) return std::nullopt;
  const auto bytes = count(data, "bytes");
  const auto of = count(data, "of");
  if (!bytes) return std::nullopt;
  if (!of || *of == 0) return fmt::format("{}{} MB", kClearLine, megabytes(*bytes));
  const double part = std::min(1.0, static_cast<double>(*bytes) / static_cast<double>(*of));
  const int full = static_cast<int>(part * kWidth);
  return fmt::format("{}[{:#>{}}{:.>{}}] {:3.0f}%  {} of {} MB{}", kClearLine, "", full, "", kWidth - full,
                     part * 100, megabytes(*bytes), megabytes(*of), *bytes >= *of ? "\n" : "");
}

}  // namespace acloud::cli
