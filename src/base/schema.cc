#include "base/schema.h"

#include <numeric>

#include "base/encoding.h"

namespace acloud {
namespace schema {
namespace {

std::string_view type_name(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::boolean:
      return "a boolean";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::object:
      return "an object";
    default:
      return "a number";
  }
}

// What a caller sent, short enough for a message.
std::string quote(std::string_view text) {
  constexpr std::size_t kShown = 80;
  std::string quoted;
  append_json_string(quoted, text.substr(0, kShown));
  if (text.size() > kShown) quoted += "...";
  return quoted;
}

}  // namespace

std::string Where::text() const {
  if (parent == nullptr) return "";
  const std::string before = parent->text();
  if (name.empty()) return fmt::format("{}[{}]", before, index);
  return before.empty() ? std::string(name) : fmt::format("{}.{}", before, name);
}

std::unexpected<Error> fail_at(const Where& where, std::string message) {
  const std::string field = where.text();
  if (field.empty()) return std::unexpected(Error(ErrorCode::invalid_argument, std::move(message)));
  return std::unexpected(Error(ErrorCode::invalid_argument, fmt::format("{}: {}", field, message))
                             .with_detail("field", to_valid_utf8(field)));
}

std::unexpected<Error> wrong_type(const Where& where, std::string_view wanted, const Json& got) {
  return fail_at(where, fmt::format("must be {}, not {}", wanted, type_name(got)));
}

Result<> Codec<bool>::decode(const Json& value, bool& out, const Where& where) {
  if (!value.is_boolean()) return wrong_type(where, "true or false", value);
  out = value.get<bool>();
  return {};
}

Result<std::int64_t> decode_integer(const Json& value, const Where& where) {
  if (value.is_number_unsigned()) {
    const auto wide = value.get<std::uint64_t>();
    if (!std::in_range<std::int64_t>(wide)) return fail_at(where, fmt::format("{} is out of range", wide));
    return static_cast<std::int64_t>(wide);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_number_float()) return wrong_type(where, "an integer", value);
  const double number = value.get<double>();
  if (number != std::floor(number) || std::abs(number) >= 0x1p63) {
    return fail_at(where, fmt::format("{} is not an integer", number));
  }
  return static_cast<std::int64_t>(number);
}

Result<> Codec<double>::decode(const Json& value, double& out, const Where& where) {
  if (!value.is_number()) return wrong_type(where, "a number", value);
  out = value.get<double>();
  return {};
}

void Codec<double>::encode(double value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";  // JSON has no other word for it
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

Result<> Codec<std::string>::decode(const Json& value, std::string& out, const Where& where) {
  if (!value.is_string()) return wrong_type(where, "a string", value);
  out = value.get_ref<const std::string&>();
  return {};
}

Result<> Codec<std::chrono::seconds>::decode(const Json& value, std::chrono::seconds& out,
                                             const Where& where) {
  ACLOUD_TRY(const std::int64_t count, decode_integer(value, where));
  // Beyond ten thousand years arithmetic on times would overflow.
  constexpr std::int64_t kMost = 10'000LL * 366 * 86'400;
  if (count > kMost || count < -kMost) return fail_at(where, fmt::format("{} is out of range", count));
  out = std::chrono::seconds(count);
  return {};
}

Result<> Codec<std::chrono::milliseconds>::decode(const Json& value, std::chrono::milliseconds& out,
                                                  const Where& where) {
  if (!value.is_number()) return wrong_type(where, "a number", value);
  const double seconds = value.get<double>();
  if (!(std::abs(seconds) < 1e12)) return fail_at(where, fmt::format("{} is out of range", seconds));
  out = std::chrono::milliseconds(std::llround(seconds * 1000));
  return {};
}

Result<> Codec<Time>::decode(const Json& value, Time& out, const Where& where) {
  if (!value.is_string()) return wrong_type(where, "a time", value);
  auto time = parse_rfc3339(value.get_ref<const std::string&>());
  if (!time) return fail_at(where, time.error().message());
  out = *time;
  return {};
}

Result<std::size_t> decode_name(const Json& value, std::span<const std::string_view> names,
                                const Where& where) {
  if (!value.is_string()) return wrong_type(where, "a string", value);
  const auto& text = value.get_ref<const std::string&>();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return i;
  }
  return fail_at(where, fmt::format("{} is not one of {}", quote(text), fmt::join(names, ", ")));
}

Result<> check(const std::string& value, const Form& constraint, const Where& where) {
  if (constraint.holds(value)) return {};
  return fail_at(where, fmt::format("{} is not {}", quote(value), constraint.rule));
}

void describe(OrderedJson& schema, const Length& constraint) {
  const bool list = schema.value("type", "") == "array";
  if (constraint.low > 0) schema[list ? "minItems" : "minLength"] = constraint.low;
  schema[list ? "maxItems" : "maxLength"] = constraint.high;
}

void describe(OrderedJson& schema, const Form& constraint) {
  schema["description"] = fmt::format("{} Must be {}.", schema.value("description", ""), constraint.rule);
}

void describe(OrderedJson& schema, const Example& constraint) {
  schema["examples"] = OrderedJson::array({OrderedJson::parse(constraint.json)});
}

Result<> decode_fields(std::span<const ErasedField> fields, const Json& object, void* owner,
                       const Where& where) {
  if (!object.is_object()) return wrong_type(where, "an object", object);
  for (const auto& [name, value] : object.items()) {
    const auto known = std::ranges::find(fields, std::string_view(name), &ErasedField::name);
    if (known == fields.end()) {
      std::vector<std::string_view> names;
      for (const ErasedField& field : fields) names.push_back(field.name);
      const std::string meant = nearest(name, names);
      const std::string hint = !meant.empty()  ? fmt::format("; did you mean {}?", meant)
                               : names.empty() ? std::string("; it takes no fields")
                                               : fmt::format("; known are {}", fmt::join(names, ", "));
      return fail_at(where, fmt::format("unknown field {}{}", quote(name), hint));
    }
    ACLOUD_CHECK(known->decode(value, owner, Where{&where, known->name}));
  }
  for (const ErasedField& field : fields) {
    if (field.required && !object.contains(field.name))
      return fail_at(Where{&where, field.name}, "is required");
  }
  return {};
}

void encode_fields(std::span<const ErasedField> fields, const void* owner, std::string& out) {
  out += '{';
  bool first = true;
  for (const ErasedField& field : fields) {
    const std::size_t before = out.size();
    if (!first) out += ',';
    if (field.encode(owner, out)) {
      first = false;
    } else {
      out.resize(before);
    }
  }
  out += '}';
}

OrderedJson describe_fields(std::span<const ErasedField> fields) {
  OrderedJson properties = OrderedJson::object();
  OrderedJson needed = OrderedJson::array();
  for (const ErasedField& field : fields) {
    field.describe(properties);
    if (field.required) needed.push_back(field.name);
  }
  OrderedJson schema = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!needed.empty()) schema["required"] = std::move(needed);
  schema["additionalProperties"] = false;
  return schema;
}

}  // namespace schema

Json json_from_text(const OrderedJson& schema, std::string_view text) {
  const std::string type = schema.value("type", "");
  if (type == "boolean" && (text == "true" || text == "false")) return text == "true";
  if (type == "integer" || type == "number" || type == "array" || type == "object") {
    auto parsed = parse_json(text);
    if (parsed) return *std::move(parsed);
  }
  return std::string(text);
}

std::string nearest(std::string_view name, std::span<const std::string_view> candidates) {
  // Levenshtein's distance; a third of the name may be wrong.
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, std::min<std::size_t>(name.size(), 30) / 3) + 1;
  if (name.size() > 64) return best;
  for (const std::string_view candidate : candidates) {
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 1; i <= name.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i);
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        const std::size_t substituted = diagonal + (name[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace acloud
