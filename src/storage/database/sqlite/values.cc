#include "storage/database/sqlite/values.h"

#include <charconv>
#include <cmath>

namespace acloud::storage::sqlite {
namespace {

std::string bytes_of(const void* data, int size) {
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

Result<> checked(int result, int index) {
  if (result == SQLITE_OK) return {};
  const bool large = result == SQLITE_TOOBIG || result == SQLITE_NOMEM;
  return fail(large ? ErrorCode::too_large : ErrorCode::internal, "params: value {}: {}", index,
              sqlite3_errstr(result));
}

int bind_text(sqlite3_stmt* statement, int index, const std::string& text) {
  return sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

}  // namespace

Json to_json(sqlite3_stmt* statement, int i) {
  switch (sqlite3_column_type(statement, i)) {
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(statement, i));
    case SQLITE_FLOAT: {
      const double number = sqlite3_column_double(statement, i);
      if (std::isfinite(number)) return number;
      return number > 0 ? "Infinity" : "-Infinity";
    }
    case SQLITE_TEXT: {
      const void* text = sqlite3_column_text(statement, i);
      return to_valid_utf8(bytes_of(text, sqlite3_column_bytes(statement, i)));
    }
    case SQLITE_BLOB: {
      const void* blob = sqlite3_column_blob(statement, i);
      return Json{{"base64", to_base64(bytes_of(blob, sqlite3_column_bytes(statement, i)))}};
    }
    default:
      return nullptr;
  }
}

std::optional<std::size_t> place_of(const char* name, std::size_t index) {
  if (name == nullptr) return index;
  const std::string_view text(name);
  std::size_t place = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), place);
  if (error != std::errc() || end != text.data() + text.size() || place == 0) return std::nullopt;
  return place;
}

Result<> bind_value(sqlite3_stmt* statement, int index, const Json& value) {
  using Kind = Json::value_t;
  switch (value.type()) {
    case Kind::null:
      return checked(sqlite3_bind_null(statement, index), index);
    case Kind::boolean:
      return checked(sqlite3_bind_int(statement, index, value.get<bool>() ? 1 : 0), index);
    case Kind::number_unsigned:
      if (!std::in_range<std::int64_t>(value.get<std::uint64_t>()))
        return fail(ErrorCode::invalid_argument, "params: value {}: {} is above the largest integer", index,
                    to_text(value));
      [[fallthrough]];
    case Kind::number_integer:
      return checked(sqlite3_bind_int64(statement, index, value.get<std::int64_t>()), index);
    case Kind::number_float:
      return checked(sqlite3_bind_double(statement, index, value.get<double>()), index);
    case Kind::string:
      return checked(bind_text(statement, index, value.get_ref<const std::string&>()), index);
    default:
      break;
  }
  const auto base64 = value.is_object() && value.size() == 1 ? value.find("base64") : value.end();
  if (!value.is_object() || base64 == value.end() || !base64->is_string()) {
    return fail(ErrorCode::invalid_argument,
                "params: value {} is {}: values are null, true, false, numbers, text or {{\"base64\": ...}}; "
                "write a list or an object as JSON text",
                index, value.is_array() ? "a list" : "an object");
  }
  auto bytes = from_base64(base64->get_ref<const std::string&>());
  if (!bytes) return std::unexpected(std::move(bytes).error().within(fmt::format("params: value {}", index)));
  return checked(sqlite3_bind_blob64(statement, index, bytes->data(), bytes->size(), SQLITE_TRANSIENT),
                 index);
}

}  // namespace acloud::storage::sqlite
