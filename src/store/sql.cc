#include "store/sql.h"

#include <cmath>

#include "base/encoding.h"

namespace acloud::store {

Value to_value(Time time) { return static_cast<std::int64_t>(time.time_since_epoch().count()); }
Time to_time(const Value& value) { return Time(Time::duration(std::get<std::int64_t>(value))); }

Result<> check_params(const Params& params) {
  for (std::size_t i = 0; i < params.size(); ++i) {
    std::size_t size = 0;
    if (const auto* text = std::get_if<std::string>(&params[i])) {
      size = text->size();
      if (text->find('\0') != std::string::npos) {
        return fail(ErrorCode::invalid_argument, "text value ${} holds a NUL byte: text may not", i + 1);
      }
      if (size <= kMaxValueSize && !is_utf8(*text)) {
        return fail(ErrorCode::invalid_argument, "text value ${} is not well-formed UTF-8", i + 1);
      }
    } else if (const auto* bytes = std::get_if<Bytes>(&params[i])) {
      size = bytes->value.size();
    } else if (const auto* number = std::get_if<double>(&params[i]); number && std::isnan(*number)) {
      return fail(ErrorCode::invalid_argument, "value ${} is not a number", i + 1);
    }
    if (size > kMaxValueSize) {
      return fail(ErrorCode::too_large, "value ${} has {} bytes, the most is {}", i + 1, size, kMaxValueSize);
    }
  }
  return {};
}

std::int64_t Row::integer(std::size_t i) const { return std::get<std::int64_t>(values.at(i)); }

double Row::number(std::size_t i) const {
  if (const auto* integer = std::get_if<std::int64_t>(&values.at(i))) return static_cast<double>(*integer);
  return std::get<double>(values.at(i));
}

const std::string& Row::text(std::size_t i) const { return std::get<std::string>(values.at(i)); }
const std::string& Row::bytes(std::size_t i) const { return std::get<Bytes>(values.at(i)).value; }
Time Row::time(std::size_t i) const { return to_time(values.at(i)); }

}  // namespace acloud::store
