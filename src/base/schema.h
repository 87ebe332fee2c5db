// Typed schemas: a struct's fields declared once give parsing with errors that name the field and the
// reason, serialisation, and JSON Schema 2020-12, from which every surface (REST, OpenAPI, CLI, MCP) is made.
//
//   struct CreateBucket {
//     std::string bucket;
//     std::optional<std::int64_t> versions;
//     static constexpr auto schema = fields(
//         field("bucket", &CreateBucket::bucket, "Name of the new bucket.", required, length(3, 63)),
//         field("versions", &CreateBucket::versions, "How many old versions are kept.", between(0, 100)));
//   };
//
//   Result<CreateBucket> request = decode<CreateBucket>(json);   // "versions: 101 is above the maximum 100"
//   std::string text = encode(*request);                         // in the order of declaration
//   OrderedJson schema = json_schema<CreateBucket>();
//
// A field that is not `required` keeps the value its struct gives it; std::optional is left out when empty.
// Unknown names are errors. What a type looks like in JSON is its Codec (schema_codecs.h): integers, numbers,
// booleans, text, enums with enum_names(), ByteCount (bytes), std::chrono::seconds and milliseconds (seconds,
// in fields ending _s), Time (RFC 3339), Id, optional, vector, map from text, variant, nested structs, Json.
#pragma once

#include <concepts>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/json.h"

namespace acloud {

// Keeps the order in which names were added: for schemas, whose order people read.
using OrderedJson = nlohmann::ordered_json;

namespace schema {

// Where in a value the reader is: "limits.memory_bytes", "files[3].path"; "" at the top.
struct Where {
  const Where* parent = nullptr;
  std::string_view name;  // empty: `index` counts instead
  std::size_t index = 0;
  std::string text() const;
};

// invalid_argument: "<where>: <message>", with details.field.
std::unexpected<Error> fail_at(const Where& where, std::string message);
// "must be <wanted>, not <what it is>".
std::unexpected<Error> wrong_type(const Where& where, std::string_view wanted, const Json& got);

// What a type looks like in JSON:
//   static bool accepts(const Json&)                          could this be one, by its JSON type
//   static Result<> decode(const Json&, T&, const Where&)
//   static void encode(const T&, std::string& out)            appends JSON text
//   static OrderedJson describe()                             JSON Schema
template <class T>
struct Codec;

// --- Constraints: checked after a value was decoded, and added to its JSON Schema. ---

// For numbers, durations and sizes; durations are described in seconds.
template <class Low, class High>
struct Between {
  Low low;
  High high;
};
template <class Low>
struct AtLeast {
  Low low;
};
// Bytes of text, or items of a list.
struct Length {
  std::size_t low;
  std::size_t high;
};
// A named rule on text that JSON Schema can't say otherwise. `rule` completes "<value> is not <rule>".
struct Form {
  bool (*holds)(std::string_view);
  std::string_view rule;
};
struct Example {
  std::string_view json;  // shown in documentation
};
struct Required {};

template <class Owner, class Member, class... Constraints>
struct Field {
  std::string_view name;
  Member Owner::* member;
  std::string_view doc;
  std::tuple<Constraints...> constraints;
};

template <class... Fields>
struct FieldList {
  std::tuple<Fields...> list;
};

// One field with its types erased, so that the walk over an object is compiled once.
struct ErasedField {
  std::string_view name;
  bool required;
  Result<> (*decode)(const Json& value, void* owner, const Where& where);
  bool (*encode)(const void* owner, std::string& out);  // false: left out
  void (*describe)(OrderedJson& properties);
};
Result<> decode_fields(std::span<const ErasedField> fields, const Json& object, void* owner,
                       const Where& where);
void encode_fields(std::span<const ErasedField> fields, const void* owner, std::string& out);
OrderedJson describe_fields(std::span<const ErasedField> fields);

}  // namespace schema

inline constexpr schema::Required required{};
template <class Low, class High>
constexpr schema::Between<Low, High> between(Low low, High high) {
  return {low, high};
}
template <class Low>
constexpr schema::AtLeast<Low> at_least(Low low) {
  return {low};
}
constexpr schema::Length length(std::size_t low, std::size_t high) { return {low, high}; }
constexpr schema::Form form(bool (*holds)(std::string_view), std::string_view rule) { return {holds, rule}; }
constexpr schema::Example example(std::string_view json) { return {json}; }

template <class Owner, class Member, class... Constraints>
constexpr auto field(std::string_view name, Member Owner::* member, std::string_view doc,
                     Constraints... constraints) {
  return schema::Field<Owner, Member, Constraints...>{name, member, doc, {constraints...}};
}
template <class... Fields>
constexpr auto fields(Fields... list) {
  return schema::FieldList<Fields...>{{list...}};
}

// A struct without fields declares `static constexpr auto schema = fields();`.
template <class T>
concept HasSchema = requires { T::schema.list; };

// Errors: invalid_argument with details.field.
template <class T>
Result<T> decode(const Json& value) {
  T decoded{};
  ACLOUD_CHECK(schema::Codec<T>::decode(value, decoded, schema::Where{}));
  return decoded;
}
template <class T>
std::string encode(const T& value) {
  std::string text;
  schema::Codec<T>::encode(value, text);
  return text;
}
template <class T>
OrderedJson json_schema() {
  return schema::Codec<T>::describe();
}

// Turns text (a query parameter, a flag) into the JSON that `schema` wants: numbers, booleans, else text.
// Text that does not fit stays text, and is refused with a clear error when it is decoded.
Json json_from_text(const OrderedJson& schema, std::string_view text);

// The candidate that `name` was probably meant to be, or "".
std::string nearest(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace acloud

#include "base/schema_codecs.h"
