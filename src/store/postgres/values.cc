#include "store/postgres/values.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace acloud::store::postgres {
namespace {

template <class Integer>
Integer from_big_endian(std::string_view bytes) {
  Integer value = 0;
  for (const char byte : bytes.substr(0, sizeof(Integer))) {
    value = static_cast<Integer>(value << 8 | static_cast<unsigned char>(byte));
  }
  return value;
}

std::array<char, 8> to_big_endian(std::uint64_t value) {
  std::array<char, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(value >> (56 - 8 * i));
  return bytes;
}

std::unexpected<Error> malformed(std::string_view type, std::size_t size) {
  return fail(ErrorCode::internal, "PostgreSQL sent {} malformed bytes of type {}", size, type);
}

// Numeric: four 16-bit words (count of digits, weight of the first, sign, decimals shown), then the digits,
// to the base 10000. SUM of BIGINT is one.
Result<Value> decode_numeric(std::string_view bytes) {
  constexpr std::uint16_t kNegative = 0x4000;
  const auto word = [&](std::size_t i) { return from_big_endian<std::uint16_t>(bytes.substr(2 * i)); };
  if (bytes.size() < 8 || bytes.size() != 8 + 2 * std::size_t{word(0)})
    return malformed("numeric", bytes.size());
  const int digits = word(0);
  const int weight = static_cast<std::int16_t>(word(1));
  const std::uint16_t sign = word(2);
  const bool whole = word(3) == 0;
  if (sign != 0 && sign != kNegative) return fail(ErrorCode::internal, "a numeric that is not a number");
  long double magnitude = 0;
  for (int i = 0; i < digits; ++i) {
    magnitude +=
        word(4 + static_cast<std::size_t>(i)) * std::pow(10000.0L, static_cast<long double>(weight - i));
  }
  const long double number = sign == kNegative ? -magnitude : magnitude;
  if (!whole) return static_cast<double>(number);
  // A long double has 64 bits of mantissa: every integer that fits is exact.
  const bool fits = number >= static_cast<long double>(std::numeric_limits<std::int64_t>::min()) &&
                    number <= static_cast<long double>(std::numeric_limits<std::int64_t>::max());
  if (!fits) {  // which nothing that is not a number does
    return fail(ErrorCode::internal, "integer overflow: {} does not fit into 64 bits",
                static_cast<double>(number));
  }
  return static_cast<std::int64_t>(number);
}

struct Encoded {
  TypeId type;
  char letter;
};

Encoded encoding_of(const Value& value) {
  constexpr std::array<Encoded, 5> kByIndex{
      {{kUnknown, 'n'}, {kInt8, 'i'}, {kFloat8, 'd'}, {kText, 't'}, {kBytea, 'b'}}};
  return kByIndex[value.index()];
}

}  // namespace

BoundParams::BoundParams(const Params& params) : numbers_(params.size()) {
  types_.reserve(params.size());
  const auto add = [this](const char* data, std::size_t size) {
    values_.push_back(data);
    lengths_.push_back(static_cast<int>(size));
  };
  for (std::size_t i = 0; i < params.size(); ++i) {
    const auto [type, letter] = encoding_of(params[i]);
    types_.push_back(type);
    signature_ += letter;
    formats_.push_back(1);
    if (const auto* integer = std::get_if<std::int64_t>(&params[i])) {
      numbers_[i] = to_big_endian(static_cast<std::uint64_t>(*integer));
      add(numbers_[i].data(), 8);
    } else if (const auto* number = std::get_if<double>(&params[i])) {
      numbers_[i] = to_big_endian(std::bit_cast<std::uint64_t>(*number));
      add(numbers_[i].data(), 8);
    } else if (const auto* text = std::get_if<std::string>(&params[i])) {
      add(text->c_str(), text->size());
    } else if (const auto* bytes = std::get_if<Bytes>(&params[i])) {
      add(bytes->value.c_str(), bytes->value.size());
    } else {
      add(nullptr, 0);
    }
  }
}

Result<Value> decode(Oid type, std::string_view bytes) {
  switch (type) {
    case kInt8:
      if (bytes.size() != 8) return malformed("bigint", bytes.size());
      return static_cast<std::int64_t>(from_big_endian<std::uint64_t>(bytes));
    case kInt4:
      if (bytes.size() != 4) return malformed("integer", bytes.size());
      return std::int64_t{static_cast<std::int32_t>(from_big_endian<std::uint32_t>(bytes))};
    case kInt2:
      if (bytes.size() != 2) return malformed("smallint", bytes.size());
      return std::int64_t{static_cast<std::int16_t>(from_big_endian<std::uint16_t>(bytes))};
    case kBool:
      if (bytes.size() != 1) return malformed("boolean", bytes.size());
      return std::int64_t{bytes[0] != 0};
    case kFloat8:
      if (bytes.size() != 8) return malformed("double precision", bytes.size());
      return std::bit_cast<double>(from_big_endian<std::uint64_t>(bytes));
    case kFloat4:
      if (bytes.size() != 4) return malformed("real", bytes.size());
      return double{std::bit_cast<float>(from_big_endian<std::uint32_t>(bytes))};
    case kText:
    case kVarchar:
    case kBpchar:
    case kName:
      return std::string(bytes);
    case kBytea:
      return Bytes{std::string(bytes)};
    case kNumeric:
      return decode_numeric(bytes);
    default:
      return fail(ErrorCode::internal,
                  "a column has PostgreSQL's type {}: cast it to TEXT, BIGINT, DOUBLE PRECISION "
                  "or BYTEA",
                  type);
  }
}

}  // namespace acloud::store::postgres
