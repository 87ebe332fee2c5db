#include "storage/database/postgres/values.h"

#include <charconv>
#include <cmath>

#include "base/encoding.h"

namespace acloud::storage::postgres {
namespace {

// Type numbers of PostgreSQL (pg_type), the same in every installation.
enum TypeId : Oid {
  kBool = 16,
  kBytea = 17,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kOid = 26,
  kJson = 114,
  kFloat4 = 700,
  kFloat8 = 701,
  kNumeric = 1700,
  kJsonb = 3802,
};

constexpr std::ptrdiff_t kDigits = 15;  // that a double keeps

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Json to_number(std::string_view text) {
  if (const auto integer = number_in<std::int64_t>(text)) return *integer;
  const auto number = number_in<double>(text);
  if (!number || !std::isfinite(*number)) return text;
  return *number;
}

}  // namespace

Json to_json(Oid type, std::string_view text) {
  switch (type) {
    case kBool:
      return text == "t";
    case kInt2:
    case kInt4:
    case kInt8:
    case kOid:
    case kFloat4:
    case kFloat8:
      return to_number(text);
    case kNumeric:
      if (std::ranges::count_if(text, [](char c) { return c >= '0' && c <= '9'; }) > kDigits) return text;
      return to_number(text);
    case kBytea: {
      const auto bytes = text.starts_with("\\x") ? from_hex(text.substr(2)) : Result<std::string>(text);
      if (bytes) return Json{{"base64", to_base64(*bytes)}};
      return to_valid_utf8(text);
    }
    case kJson:
    case kJsonb:
      if (auto json = parse_json(text)) return *std::move(json);
      return to_valid_utf8(text);
    default:
      return to_valid_utf8(text);
  }
}

Result<Params> Params::of(const std::vector<Json>& values) {
  Params params;
  for (const Json& value : values) ACLOUD_CHECK(params.add(params.texts_.size() + 1, value));
  return params;
}

Result<> Params::add(std::size_t place, const Json& value) {
  const auto base64 = value.is_object() && value.size() == 1 ? value.find("base64") : value.end();
  const bool bytes = value.is_object() && base64 != value.end() && base64->is_string();
  if (value.is_structured() && !bytes) {
    return fail(ErrorCode::invalid_argument,
                "params: value {} is {}: values are null, true, false, numbers, text or {{\"base64\": ...}}; "
                "write a list or an object as JSON text",
                place, value.is_array() ? "a list" : "an object");
  }
  std::string text;
  if (bytes) {
    auto decoded = from_base64(base64->get_ref<const std::string&>());
    if (!decoded)
      return std::unexpected(std::move(decoded).error().within(fmt::format("params: value {}", place)));
    text = *std::move(decoded);
  } else if (value.is_string()) {
    text = value.get<std::string>();
    if (text.find('\0') != text.npos)
      return fail(ErrorCode::invalid_argument, "params: value {} holds a NUL: text may not, send base64",
                  place);
  } else if (!value.is_null()) {
    text = to_text(value);
  }
  nulls_.push_back(value.is_null());
  types_.push_back(bytes ? Oid{kBytea} : Oid{0});
  lengths_.push_back(static_cast<int>(text.size()));
  formats_.push_back(bytes ? 1 : 0);
  texts_.push_back(std::move(text));
  return {};
}

std::vector<const char*> Params::pointers() const {
  std::vector<const char*> pointers;
  pointers.reserve(texts_.size());
  for (std::size_t i = 0; i < texts_.size(); ++i) pointers.push_back(nulls_[i] ? nullptr : texts_[i].c_str());
  return pointers;
}

}  // namespace acloud::storage::postgres
