// What each type looks like in JSON. Included by schema.h.
#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <variant>

#include "base/clock.h"
#include "base/schema.h"
#include "base/units.h"

namespace acloud::schema {

template <>
struct Codec<bool> {
  static bool accepts(const Json& value) { return value.is_boolean(); }
  static Result<> decode(const Json& value, bool& out, const Where& where);
  static void encode(bool value, std::string& out) { out += value ? "true" : "false"; }
  static OrderedJson describe() { return {{"type", "boolean"}}; }
};

// An integer within the range of 64 bits; 1.0 is one too, as JSON Schema has it.
Result<std::int64_t> decode_integer(const Json& value, const Where& where);

template <std::integral T>
  requires(!std::same_as<T, bool>)
struct Codec<T> {
  static bool accepts(const Json& value) { return value.is_number(); }
  static Result<> decode(const Json& value, T& out, const Where& where) {
    ACLOUD_TRY(const std::int64_t wide, decode_integer(value, where));
    if (!std::in_range<T>(wide)) return fail_at(where, fmt::format("{} is out of range", wide));
    out = static_cast<T>(wide);
    return {};
  }
  static void encode(T value, std::string& out) { fmt::format_to(std::back_inserter(out), "{}", value); }
  static OrderedJson describe() { return {{"type", "integer"}}; }
};

template <>
struct Codec<double> {
  static bool accepts(const Json& value) { return value.is_number(); }
  static Result<> decode(const Json& value, double& out, const Where& where);
  static void encode(double value, std::string& out);
  static OrderedJson describe() { return {{"type", "number"}}; }
};

template <>
struct Codec<std::string> {
  static bool accepts(const Json& value) { return value.is_string(); }
  static Result<> decode(const Json& value, std::string& out, const Where& where);
  static void encode(const std::string& value, std::string& out) { append_json_string(out, value); }
  static OrderedJson describe() { return {{"type", "string"}}; }
};

template <>
struct Codec<Json> {
  static bool accepts(const Json&) { return true; }
  static Result<> decode(const Json& value, Json& out, const Where&) {
    out = value;
    return {};
  }
  static void encode(const Json& value, std::string& out) { out += to_text(value); }
  static OrderedJson describe() { return OrderedJson::object(); }
};

template <>
struct Codec<ByteCount> {
  static bool accepts(const Json& value) { return value.is_number(); }
  static Result<> decode(const Json& value, ByteCount& out, const Where& where) {
    return Codec<std::int64_t>::decode(value, out.value, where);
  }
  static void encode(ByteCount value, std::string& out) { Codec<std::int64_t>::encode(value.value, out); }
  static OrderedJson describe() { return {{"type", "integer"}}; }
};

// Whole seconds.
template <>
struct Codec<std::chrono::seconds> {
  static bool accepts(const Json& value) { return value.is_number(); }
  static Result<> decode(const Json& value, std::chrono::seconds& out, const Where& where);
  static void encode(std::chrono::seconds value, std::string& out) {
    Codec<std::int64_t>::encode(value.count(), out);
  }
  static OrderedJson describe() { return {{"type", "integer"}}; }
};

// Seconds with a fraction.
template <>
struct Codec<std::chrono::milliseconds> {
  static bool accepts(const Json& value) { return value.is_number(); }
  static Result<> decode(const Json& value, std::chrono::milliseconds& out, const Where& where);
  static void encode(std::chrono::milliseconds value, std::string& out) {
    Codec<double>::encode(static_cast<double>(value.count()) / 1000, out);
  }
  static OrderedJson describe() { return {{"type", "number"}}; }
};

template <>
struct Codec<Time> {
  static bool accepts(const Json& value) { return value.is_string(); }
  static Result<> decode(const Json& value, Time& out, const Where& where);
  static void encode(Time value, std::string& out) { append_json_string(out, to_rfc3339(value)); }
  static OrderedJson describe() { return {{"type", "string"}, {"format", "date-time"}}; }
};

template <class Kind>
struct Codec<Id<Kind>> {
  static bool accepts(const Json& value) { return value.is_string(); }
  static Result<> decode(const Json& value, Id<Kind>& out, const Where& where) {
    std::string text;
    ACLOUD_CHECK(Codec<std::string>::decode(value, text, where));
    out = Id<Kind>::from(std::move(text));
    return {};
  }
  static void encode(const Id<Kind>& value, std::string& out) { append_json_string(out, value.text()); }
  static OrderedJson describe() { return {{"type", "string"}}; }
};

// An enum E for which `constexpr std::array<std::pair<E, std::string_view>, N> enum_names(E)` is found.
template <class T>
concept NamedEnum = std::is_enum_v<T> && requires(T value) { enum_names(value).size(); };

Result<std::size_t> decode_name(const Json& value, std::span<const std::string_view> names,
                                const Where& where);

template <NamedEnum T>
struct Codec<T> {
  static constexpr auto kNames = enum_names(T{});
  static constexpr auto texts() {
    std::array<std::string_view, kNames.size()> texts{};
    for (std::size_t i = 0; i < texts.size(); ++i) texts[i] = kNames[i].second;
    return texts;
  }
  static std::string_view name(T value) {
    for (const auto& [known, text] : kNames) {
      if (known == value) return text;
    }
    return "";
  }
  static bool accepts(const Json& value) { return value.is_string(); }
  static Result<> decode(const Json& value, T& out, const Where& where) {
    constexpr auto names = texts();
    ACLOUD_TRY(const std::size_t i, decode_name(value, names, where));
    out = kNames[i].first;
    return {};
  }
  static void encode(T value, std::string& out) { append_json_string(out, name(value)); }
  static OrderedJson describe() { return {{"type", "string"}, {"enum", texts()}}; }
};

template <class T>
struct Codec<std::optional<T>> {
  static bool accepts(const Json& value) { return value.is_null() || Codec<T>::accepts(value); }
  static Result<> decode(const Json& value, std::optional<T>& out, const Where& where) {
    if (value.is_null()) {
      out.reset();
      return {};
    }
    return Codec<T>::decode(value, out.emplace(), where);
  }
  static void encode(const std::optional<T>& value, std::string& out) {
    if (value) return Codec<T>::encode(*value, out);
    out += "null";
  }
  static OrderedJson describe() { return Codec<T>::describe(); }
};

template <class T>
struct Codec<std::vector<T>> {
  static bool accepts(const Json& value) { return value.is_array(); }
  static Result<> decode(const Json& value, std::vector<T>& out, const Where& where) {
    if (!value.is_array()) return wrong_type(where, "an array", value);
    out.clear();
    out.reserve(value.size());
    for (const Json& item : value) {
      T decoded{};
      ACLOUD_CHECK(Codec<T>::decode(item, decoded, Where{&where, {}, out.size()}));
      out.push_back(std::move(decoded));
    }
    return {};
  }
  static void encode(const std::vector<T>& values, std::string& out) {
    out += '[';
    for (bool first = true; const T& value : values) {
      if (!std::exchange(first, false)) out += ',';
      Codec<T>::encode(value, out);
    }
    out += ']';
  }
  static OrderedJson describe() { return {{"type", "array"}, {"items", Codec<T>::describe()}}; }
};

template <class T>
struct Codec<std::map<std::string, T>> {
  static bool accepts(const Json& value) { return value.is_object(); }
  static Result<> decode(const Json& value, std::map<std::string, T>& out, const Where& where) {
    if (!value.is_object()) return wrong_type(where, "an object", value);
    out.clear();
    for (const auto& [name, item] : value.items()) {
      ACLOUD_CHECK(Codec<T>::decode(item, out[name], Where{&where, name}));
    }
    return {};
  }
  static void encode(const std::map<std::string, T>& values, std::string& out) {
    out += '{';
    for (bool first = true; const auto& [name, value] : values) {
      if (!std::exchange(first, false)) out += ',';
      append_json_string(out, name);
      out += ':';
      Codec<T>::encode(value, out);
    }
    out += '}';
  }
  static OrderedJson describe() {
    return {{"type", "object"}, {"additionalProperties", Codec<T>::describe()}};
  }
};

// The first alternative whose JSON type fits.
template <class... Ts>
struct Codec<std::variant<Ts...>> {
  static bool accepts(const Json& value) { return (Codec<Ts>::accepts(value) || ...); }
  static Result<> decode(const Json& value, std::variant<Ts...>& out, const Where& where) {
    Result<> result = wrong_type(where, "one of the documented forms", value);
    const auto attempt = [&]<class T>(T decoded) {
      if (!Codec<T>::accepts(value)) return false;
      result = Codec<T>::decode(value, decoded, where);
      if (result) out = std::move(decoded);
      return true;
    };
    (attempt(Ts{}) || ...);
    return result;
  }
  static void encode(const std::variant<Ts...>& value, std::string& out) {
    std::visit([&]<class T>(const T& held) { Codec<T>::encode(held, out); }, value);
  }
  static OrderedJson describe() {
    OrderedJson forms = OrderedJson::array();
    (forms.push_back(Codec<Ts>::describe()), ...);
    return {{"anyOf", std::move(forms)}};
  }
};

// --- Constraints ---

// A bound as the JSON value that people write: seconds for durations, bytes for sizes.
template <class T>
auto plain(T value) {
  if constexpr (requires { std::chrono::duration<double>(value); }) {
    return std::chrono::duration<double>(value).count();
  } else if constexpr (std::same_as<T, ByteCount>) {
    return value.value;
  } else {
    return value;
  }
}

template <class T>
void describe_bound(OrderedJson& schema, const char* name, T bound) {
  const auto value = plain(bound);
  if constexpr (std::floating_point<decltype(value)>) {
    if (value == std::floor(value)) {
      schema[name] = static_cast<std::int64_t>(value);
      return;
    }
  }
  schema[name] = value;
}

template <class T, class Low>
Result<> check_low(const T& value, Low low, const Where& where) {
  if (value >= static_cast<T>(low)) return {};
  return fail_at(where, fmt::format("{} is below the minimum {}", plain(value), plain(low)));
}

template <class T, class Low, class High>
Result<> check(const T& value, const Between<Low, High>& constraint, const Where& where) {
  ACLOUD_CHECK(check_low(value, constraint.low, where));
  if (value <= static_cast<T>(constraint.high)) return {};
  return fail_at(where, fmt::format("{} is above the maximum {}", plain(value), plain(constraint.high)));
}
template <class T, class Low>
Result<> check(const T& value, const AtLeast<Low>& constraint, const Where& where) {
  return check_low(value, constraint.low, where);
}
template <class T>
Result<> check(const T& value, const Length& constraint, const Where& where) {
  const std::string_view unit = std::same_as<T, std::string> ? "bytes" : "items";
  if (value.size() < constraint.low) {
    return fail_at(where, fmt::format("has {} {}, fewer than {}", value.size(), unit, constraint.low));
  }
  if (value.size() <= constraint.high) return {};
  return fail_at(where, fmt::format("has {} {}, more than {}", value.size(), unit, constraint.high));
}
Result<> check(const std::string& value, const Form& constraint, const Where& where);
template <class T>
Result<> check(const T&, const Example&, const Where&) {
  return {};
}
template <class T>
Result<> check(const T&, const Required&, const Where&) {
  return {};
}

template <class Low, class High>
void describe(OrderedJson& schema, const Between<Low, High>& constraint) {
  describe_bound(schema, "minimum", constraint.low);
  describe_bound(schema, "maximum", constraint.high);
}
template <class Low>
void describe(OrderedJson& schema, const AtLeast<Low>& constraint) {
  describe_bound(schema, "minimum", constraint.low);
}
void describe(OrderedJson& schema, const Length& constraint);
void describe(OrderedJson& schema, const Form& constraint);
void describe(OrderedJson& schema, const Example& constraint);
inline void describe(OrderedJson&, const Required&) {}

// --- Structs ---

template <class T, std::size_t I>
struct FieldOps {
  static constexpr const auto& kField = std::get<I>(T::schema.list);
  using Member = std::remove_cvref_t<decltype(std::declval<T>().*kField.member)>;
  static constexpr bool kRequired = []<class... Cs>(const std::tuple<Cs...>&) {
    return (std::same_as<Cs, Required> || ...);
  }(kField.constraints);
  static constexpr bool kOptional = requires(Member m) { m.has_value(); };

  static Result<> decode(const Json& value, void* owner, const Where& where) {
    Member& member = static_cast<T*>(owner)->*kField.member;
    ACLOUD_CHECK(Codec<Member>::decode(value, member, where));
    if constexpr (kOptional) {
      return member ? check_all(*member, where) : Result<>();
    } else {
      return check_all(member, where);
    }
  }
  template <class Value>
  static Result<> check_all(const Value& value, const Where& where) {
    Result<> result;
    std::apply([&](const auto&... c) { (void)((result = check(value, c, where)).has_value() && ...); },
               kField.constraints);
    return result;
  }
  static bool encode(const void* owner, std::string& out) {
    const Member& member = static_cast<const T*>(owner)->*kField.member;
    if constexpr (kOptional) {
      if (!member) return false;
    }
    append_json_string(out, kField.name);
    out += ':';
    Codec<Member>::encode(member, out);
    return true;
  }
  static void describe(OrderedJson& properties) {
    OrderedJson schema = Codec<Member>::describe();
    schema["description"] = kField.doc;
    std::apply([&](const auto&... c) { (schema::describe(schema, c), ...); }, kField.constraints);
    if constexpr (!kRequired && !kOptional) {
      std::string fallback;
      Codec<Member>::encode(T{}.*kField.member, fallback);
      schema["default"] = OrderedJson::parse(fallback);
    }
    properties[std::string(kField.name)] = std::move(schema);
  }
};

template <HasSchema T>
struct Codec<T> {
  static std::span<const ErasedField> erased() {
    static constexpr auto kErased = []<std::size_t... Is>(std::index_sequence<Is...>) {
      return std::array<ErasedField, sizeof...(Is)>{
          ErasedField{FieldOps<T, Is>::kField.name, FieldOps<T, Is>::kRequired, &FieldOps<T, Is>::decode,
                      &FieldOps<T, Is>::encode, &FieldOps<T, Is>::describe}...};
    }(std::make_index_sequence<std::tuple_size_v<decltype(T::schema.list)>>());
    return kErased;
  }
  static bool accepts(const Json& value) { return value.is_object(); }
  static Result<> decode(const Json& value, T& out, const Where& where) {
    return decode_fields(erased(), value, &out, where);
  }
  static void encode(const T& value, std::string& out) { encode_fields(erased(), &value, out); }
  static OrderedJson describe() { return describe_fields(erased()); }
};

}  // namespace acloud::schema
