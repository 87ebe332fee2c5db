#include "telemetry/trace.h"

#include <algorithm>
#include <charconv>

#include "base/encoding.h"

namespace acloud::telemetry {
namespace {

constexpr std::size_t kLength = 55;       // of version 00
constexpr std::size_t kStateBytes = 512;  // what the standard asks everybody to pass on

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// REQUIRES: at most 16 hex digits.
std::uint64_t number(std::string_view hex) {
  std::uint64_t value = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  return value;
}

std::uint64_t number_of(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes.substr(0, 8)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

bool is_state(std::string_view text) {
  return text.size() <= kStateBytes &&
         std::ranges::all_of(text, [](unsigned char c) { return c >= ' ' && c < 0x7f; });
}

}  // namespace

std::string trace_id_text(const TraceContext& context) {
  return fmt::format("{:016x}{:016x}", context.trace_high, context.trace_low);
}

std::string span_id_text(std::uint64_t span) { return fmt::format("{:016x}", span); }

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  if (text.size() < kLength) return std::nullopt;
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace = text.substr(3, 32);
  const std::string_view span = text.substr(36, 16);
  const std::string_view flags = text.substr(53, 2);
  if (!is_hex(version) || !is_hex(trace) || !is_hex(span) || !is_hex(flags)) return std::nullopt;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-' || version == "ff") return std::nullopt;
  if (text.size() > kLength && (version == "00" || text[kLength] != '-')) return std::nullopt;
  TraceContext context{.trace_high = number(trace.substr(0, 16)),
                       .trace_low = number(trace.substr(16)),
                       .span = number(span),
                       .sampled = (number(flags) & 1) != 0,
                       .state = {}};
  if (!context.valid()) return std::nullopt;
  return context;
}

std::string to_traceparent(const TraceContext& context) {
  return fmt::format("00-{}-{}-{}", trace_id_text(context), span_id_text(context.span),
                     context.sampled ? "01" : "00");
}

TraceContext trace_of(const net::Headers& headers) {
  const auto parent = headers.get("traceparent");
  auto context = parent ? parse_traceparent(*parent) : std::nullopt;
  if (!context) return {};
  const std::string_view state = headers.value("tracestate");
  if (is_state(state)) context->state = state;
  return *std::move(context);
}

void put_trace(net::Headers& headers, const TraceContext& context) {
  if (!context.valid()) return;
  headers.set("traceparent", to_traceparent(context));
  headers.remove("tracestate");
  if (!context.state.empty()) headers.add("tracestate", context.state);
}

bool is_sampled(const TraceContext& context, double ratio) {
  // The highest 63 bits of what is random in every id, as a number from 0 up to 1.
  return static_cast<double>(context.trace_low >> 1) < ratio * 0x1p63;
}

TraceContext trace_named(std::string_view name, double ratio) {
  const std::string digest = sha256(name);
  const std::string_view bytes = digest;
  TraceContext context{.trace_high = number_of(bytes),
                       .trace_low = number_of(bytes.substr(8)),
                       .span = number_of(bytes.substr(16)),
                       .sampled = false,
                       .state = {}};
  context.sampled = is_sampled(context, ratio);
  return context;
}

}  // namespace acloud::telemetry
