#include "model/usage_reader.h"

#include <algorithm>
#include <limits>

namespace acloud::model {
namespace {

constexpr std::int64_t kMost = 1'000'000'000'000;

std::optional<std::int64_t> count(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const double value = found->get<double>();
  return value >= 0 && value <= static_cast<double>(kMost) ? std::optional(static_cast<std::int64_t>(value))
                                                           : std::optional<std::int64_t>(0);
}

std::int64_t nested(const Json& object, const char* outer, const char* inner) {
  const auto found = object.find(outer);
  if (found == object.end() || !found->is_object()) return 0;
  return count(*found, inner).value_or(0);
}

struct Names {
  const char* input;
  const char* output;
  const char* input_details;
  const char* output_details;
};

std::optional<ledger::Tokens> inclusive(const Json& usage, const Names& names) {
  if (!usage.is_object()) return std::nullopt;
  const auto input = count(usage, names.input);
  const auto output = count(usage, names.output);
  if (!input && !output) return std::nullopt;
  ledger::Tokens tokens;
  tokens.cache_read = nested(usage, names.input_details, "cached_tokens");
  if (tokens.cache_read == 0) tokens.cache_read = count(usage, "prompt_cache_hit_tokens").value_or(0);
  if (tokens.cache_read == 0) tokens.cache_read = count(usage, "cached_tokens").value_or(0);
  tokens.cache_write_5m = nested(usage, names.input_details, "cache_creation_input_tokens");
  if (tokens.cache_write_5m == 0) {
    tokens.cache_write_5m = count(usage, "cache_creation_input_tokens").value_or(0);
  }
  tokens.cache_read = std::min(tokens.cache_read, input.value_or(0));
  tokens.cache_write_5m = std::min(tokens.cache_write_5m, input.value_or(0) - tokens.cache_read);
  tokens.input_uncached = input.value_or(0) - tokens.cache_read - tokens.cache_write_5m;
  tokens.reasoning = std::min(nested(usage, names.output_details, "reasoning_tokens"), output.value_or(0));
  tokens.output = output.value_or(0) - tokens.reasoning;
  return tokens;
}

std::int64_t all_input(const ledger::Tokens& t) {
  return t.input_uncached + t.cache_read + t.cache_write_5m + t.cache_write_1h;
}

}  // namespace

std::optional<ledger::Tokens> openai_usage(const Json& usage) {
  return inclusive(usage, {.input = "prompt_tokens",
                           .output = "completion_tokens",
                           .input_details = "prompt_tokens_details",
                           .output_details = "completion_tokens_details"});
}

std::optional<ledger::Tokens> responses_usage(const Json& usage) {
  return inclusive(usage, {.input = "input_tokens",
                           .output = "output_tokens",
                           .input_details = "input_tokens_details",
                           .output_details = "output_tokens_details"});
}

std::optional<ledger::Tokens> anthropic_usage(const Json& usage, const ledger::Tokens& known) {
  if (!usage.is_object()) return std::nullopt;
  ledger::Tokens tokens = known;
  const auto input = count(usage, "input_tokens");
  const auto output = count(usage, "output_tokens");
  if (!input && !output) return std::nullopt;
  if (input) tokens.input_uncached = *input;
  if (output) tokens.output = *output;
  if (const auto read = count(usage, "cache_read_input_tokens")) tokens.cache_read = *read;
  const auto split = usage.find("cache_creation");
  if (split != usage.end() && split->is_object()) {
    tokens.cache_write_5m = count(*split, "ephemeral_5m_input_tokens").value_or(0);
    tokens.cache_write_1h = count(*split, "ephemeral_1h_input_tokens").value_or(0);
  } else if (const auto written = count(usage, "cache_creation_input_tokens")) {
    // Said in one sum after it was said in two: those stand.
    if (*written != tokens.cache_write_5m + tokens.cache_write_1h) {
      tokens.cache_write_5m = *written;
      tokens.cache_write_1h = 0;
    }
  }
  return tokens;
}

std::int64_t estimate_tokens(std::string_view text) {
  // Without a branch, so that the compiler takes many bytes at a time: requests of any size are counted.
  std::int64_t ascii = 0;
  std::int64_t first_of_two = 0;
  std::int64_t first_of_more = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    ascii += byte < 0x80;
    first_of_two += byte >= 0xc0;
    first_of_more += byte >= 0xe0;
  }
  first_of_two -= first_of_more;
  return (ascii + 2 * first_of_two + 3) / 4 + first_of_more;
}

Json to_openai_usage(const ledger::Tokens& t) {
  const std::int64_t input = all_input(t);
  const std::int64_t output = t.output + t.reasoning;
  return {{"prompt_tokens", input},
          {"completion_tokens", output},
          {"total_tokens", input + output},
          {"prompt_tokens_details",
           {{"cached_tokens", t.cache_read},
            {"cache_creation_input_tokens", t.cache_write_5m + t.cache_write_1h}}},
          {"completion_tokens_details", {{"reasoning_tokens", t.reasoning}}}};
}

Json to_responses_usage(const ledger::Tokens& t) {
  const std::int64_t input = all_input(t);
  const std::int64_t output = t.output + t.reasoning;
  return {{"input_tokens", input},
          {"input_tokens_details", {{"cached_tokens", t.cache_read}}},
          {"output_tokens", output},
          {"output_tokens_details", {{"reasoning_tokens", t.reasoning}}},
          {"total_tokens", input + output}};
}

Json to_anthropic_usage(const ledger::Tokens& t) {
  return {
      {"input_tokens", t.input_uncached},
      {"cache_read_input_tokens", t.cache_read},
      {"cache_creation_input_tokens", t.cache_write_5m + t.cache_write_1h},
      {"cache_creation",
       {{"ephemeral_5m_input_tokens", t.cache_write_5m}, {"ephemeral_1h_input_tokens", t.cache_write_1h}}},
      {"output_tokens", t.output + t.reasoning}};
}

}  // namespace acloud::model
