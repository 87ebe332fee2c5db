// Texts in JSON of any kind.
#pragma once

#include <string>

namespace acloud {

// The text under `name`; empty where there is none, or `object` is no object. Of Json and OrderedJson.
template <class AnyJson>
std::string text_at(const AnyJson& object, const char* name) {
  if (!object.is_object()) return "";
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->template get<std::string>() : "";
}

}  // namespace acloud
