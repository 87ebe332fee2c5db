#include "model/generation/dialect.h"

#include <algorithm>
#include <charconv>

#include "base/json_text.h"

namespace acloud::model::generation {
namespace {

constexpr std::size_t kIdMost = 128;
constexpr std::size_t kResolutionMost = 16;

// What would change what is asked for, or who is told, beside the fields that say so.
constexpr std::array<std::string_view, 13> kReserved{
    "n",      "duration", "resolution", "seed",         "prompt",      "negative_prompt", "model",
    "images", "img_url",  "payload",    "callback_url", "webhook_url", "aspect_ratio"};

std::unexpected<Error> wrong_field(std::string field, std::string_view what) {
  return std::unexpected(Error(ErrorCode::invalid_argument, fmt::format("{}: {}", field, what))
                             .with_detail("field", std::move(field)));
}

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number <= 0) return std::nullopt;
  return number;
}

}  // namespace

const GenerationDialect* dialect_of(Dialect dialect) {
  switch (dialect) {
    case Dialect::dashscope:
      return &dashscope();
    case Dialect::vidu:
      return &vidu();
    case Dialect::openai:
    case Dialect::anthropic:
      break;
  }
  return nullptr;
}

std::string resolution_of(std::string_view text) {
  if (text.empty() || text.size() > kResolutionMost) return "";
  const auto cross = text.find_first_of("*x");
  if (cross != text.npos) {
    const auto width = number_in(text.substr(0, cross));
    const auto height = number_in(text.substr(cross + 1));
    return width && height ? fmt::format("{}P", std::min(*width, *height)) : "";
  }
  std::string name(text);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  if (number_in(name)) name += 'P';
  return name;
}

std::string resolution_of(const Generate& request) {
  if (!request.resolution.empty()) return resolution_of(std::string_view(request.resolution));
  return request.parameters.is_object() ? resolution_of(std::string_view(text_at(request.parameters, "size")))
                                        : "";
}

ledger::Media most_of(const Generate& request, Makes makes) {
  if (makes == Makes::image) return {.video = {}, .images = request.count};
  return {.video = request.duration, .images = 0};
}

Result<> check(const Generate& request, Makes makes) {
  if (request.prompt.empty() && request.images.empty())
    return wrong_field("prompt", "must say what is to be seen, unless there are images");
  if (makes == Makes::video && request.count != 1)
    return wrong_field("count", "is for images; make a call for each video");
  for (std::size_t i = 0; i < request.images.size(); ++i) {
    const std::string& image = request.images[i];
    if (image.starts_with("data:image/") || (image.starts_with("https://") && image.size() <= 4000)) continue;
    return wrong_field(fmt::format("images[{}]", i), "must be an address: https://... or data:image/...");
  }
  if (!request.parameters.is_null() && !request.parameters.is_object())
    return wrong_field("parameters", "must be an object");
  for (const std::string_view name : kReserved) {
    if (request.parameters.is_object() && request.parameters.contains(name))
      return wrong_field(fmt::format("parameters.{}", name),
                         "can't be said there; use the field of model.generate, where there is one");
  }
  return {};
}

Result<std::string> checked_id(const Json& reply, const char* name) {
  const auto found = reply.is_object() ? reply.find(name) : reply.end();
  std::string id;
  if (reply.is_object() && found != reply.end()) {
    if (found->is_string()) id = found->get<std::string>();
    if (found->is_number_integer()) id = found->dump();
  }
  const bool sound = !id.empty() && id.size() <= kIdMost && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
  if (!sound) return fail(ErrorCode::unavailable, "it has no {} that could be one", name);
  return id;
}

Json own_parameters(const Generate& request) {
  return request.parameters.is_object() ? request.parameters : Json::object();
}

}  // namespace acloud::model::generation
