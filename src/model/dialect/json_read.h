// Reading requests and replies of strangers, field by field, with errors that say where.
#pragma once

#include <initializer_list>
#include <string>

#include "model/dialect/conversation.h"

namespace acloud::model {

// The field, or null where there is none, or where it is JSON's null.
inline const Json* field_of(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// Text, or "" where there is none.
inline std::string text_of(const Json& object, const char* name) {
  const Json* found = field_of(object, name);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

inline std::string at(std::string_view where, std::string_view name) {
  return where.empty() ? std::string(name) : fmt::format("{}.{}", where, name);
}
inline std::string at(std::string_view where, std::size_t index) {
  return fmt::format("{}[{}]", where, index);
}

// Errors: invalid_argument for a field that is none of `known`.
Result<> only_fields(const Json& object, std::string_view where,
                     std::initializer_list<std::string_view> known);
// Errors: invalid_argument where the field is there and has another type.
Result<std::optional<std::string>> read_text(const Json& object, const char* name, std::string_view where);
Result<std::optional<double>> read_number(const Json& object, const char* name, std::string_view where);
Result<std::optional<std::int64_t>> read_integer(const Json& object, const char* name,
                                                 std::string_view where);
Result<std::optional<bool>> read_bool(const Json& object, const char* name, std::string_view where);
// A list of texts, or one text alone.
Result<std::vector<std::string>> read_texts(const Json& object, const char* name);
// "data:image/png;base64,...", or a URL.
Result<ImagePart> read_image_url(const std::string& url, std::string_view where);

// Everything textual of `parts` joined.
std::string joined_text(const std::vector<Part>& parts);

}  // namespace acloud::model
