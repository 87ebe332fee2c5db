#include "model/dialect/json_read.h"

#include <algorithm>

#include "base/encoding.h"

namespace acloud::model {

std::unexpected<Error> cannot_translate(std::string_view where, std::string_view what) {
  Error error(
      ErrorCode::invalid_argument,
      fmt::format("{}: {} can't be translated into what this model's provider speaks; leave it out, or "
                  "use the provider's own dialect",
                  to_valid_utf8(where), to_valid_utf8(what)));
  return std::unexpected(
      std::move(error).with_detail("field", to_valid_utf8(where)).with_detail("untranslatable", true));
}

std::unexpected<Error> wrong_part(std::string_view where, std::string_view must_be) {
  Error error(ErrorCode::invalid_argument, fmt::format("{}: must be {}", to_valid_utf8(where), must_be));
  return std::unexpected(std::move(error).with_detail("field", to_valid_utf8(where)));
}

Result<> only_fields(const Json& object, std::string_view where,
                     std::initializer_list<std::string_view> known) {
  if (!object.is_object()) return wrong_part(where, "an object");
  for (const auto& [name, value] : object.items()) {
    if (value.is_null() || std::ranges::find(known, name) != known.end()) continue;
    return cannot_translate(at(where, name), "this field");
  }
  return {};
}

Result<std::optional<std::string>> read_text(const Json& object, const char* name, std::string_view where) {
  const Json* found = field_of(object, name);
  if (found == nullptr) return std::nullopt;
  if (!found->is_string()) return wrong_part(at(where, name), "text");
  return found->get<std::string>();
}

Result<std::optional<double>> read_number(const Json& object, const char* name, std::string_view where) {
  const Json* found = field_of(object, name);
  if (found == nullptr) return std::nullopt;
  if (!found->is_number()) return wrong_part(at(where, name), "a number");
  return found->get<double>();
}

Result<std::optional<std::int64_t>> read_integer(const Json& object, const char* name,
                                                 std::string_view where) {
  const Json* found = field_of(object, name);
  if (found == nullptr) return std::nullopt;
  if (!found->is_number_integer()) return wrong_part(at(where, name), "an integer");
  return found->get<std::int64_t>();
}

Result<std::optional<bool>> read_bool(const Json& object, const char* name, std::string_view where) {
  const Json* found = field_of(object, name);
  if (found == nullptr) return std::nullopt;
  if (!found->is_boolean()) return wrong_part(at(where, name), "true or false");
  return found->get<bool>();
}

Result<std::vector<std::string>> read_texts(const Json& object, const char* name) {
  const Json* found = field_of(object, name);
  std::vector<std::string> texts;
  if (found == nullptr) return texts;
  if (found->is_string()) return std::vector{found->get<std::string>()};
  if (!found->is_array()) return wrong_part(name, "text or a list of texts");
  for (const Json& item : *found) {
    if (!item.is_string()) return wrong_part(name, "text or a list of texts");
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

Result<ImagePart> read_image_url(const std::string& url, std::string_view where) {
  constexpr std::string_view kData = "data:";
  if (!url.starts_with(kData)) return ImagePart{.media_type = {}, .data = {}, .url = url};
  const auto comma = url.find(',');
  const std::string_view head = std::string_view(url).substr(0, comma);
  if (comma == std::string::npos || !head.ends_with(";base64")) {
    return wrong_part(where, "a URL, or data:TYPE;base64,DATA");
  }
  const auto end = head.find(';');
  return ImagePart{.media_type = std::string(head.substr(kData.size(), end - kData.size())),
                   .data = url.substr(comma + 1),
                   .url = {}};
}

std::string joined_text(const std::vector<Part>& parts) {
  std::string text;
  for (const Part& part : parts) {
    if (const auto* piece = std::get_if<TextPart>(&part)) text += piece->text;
  }
  return text;
}

}  // namespace acloud::model
