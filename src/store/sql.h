// What a closure sees of the database: values, rows, and the two things that SQL can be run on.
//
// SQL is written once for SQLite and PostgreSQL: placeholders $1, $2, ...; types TEXT, BIGINT, DOUBLE
// PRECISION, BYTEA; INSERT ... ON CONFLICT and RETURNING are fine; nothing that only one of them knows.
// Values travel beside the SQL, never inside it, so no value can change what a statement means.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace acloud::store {

// Bytes, as against text. Text is UTF-8 without NUL, as PostgreSQL has it; all else is stored as Bytes.
struct Bytes {
  std::string value;
  friend bool operator==(const Bytes&, const Bytes&) = default;
};

// NULL, an integer, a number, text, bytes. Times are stored as integers: microseconds since 1970.
using Value = std::variant<std::monostate, std::int64_t, double, std::string, Bytes>;

// The largest text or bytes that a parameter may have; what is larger belongs into a blob (store/blobs.h).
inline constexpr std::size_t kMaxValueSize = 64 << 20;

Value to_value(Time time);
// REQUIRES: an integer; throws std::bad_variant_access otherwise.
Time to_time(const Value& value);

using Params = std::vector<Value>;

// Errors: invalid_argument (NUL or malformed UTF-8 in text, a number that is not one), too_large. The same
// for both databases, so that what one takes the other takes too.
Result<> check_params(const Params& params);

struct Row {
  std::vector<Value> values;
  bool is_null(std::size_t i) const { return std::holds_alternative<std::monostate>(values.at(i)); }
  // REQUIRES: the column is there and of that type. Throws std::bad_variant_access or std::out_of_range
  // otherwise, which is a bug.
  std::int64_t integer(std::size_t i) const;
  double number(std::size_t i) const;  // takes an integer too
  const std::string& text(std::size_t i) const;
  const std::string& bytes(std::size_t i) const;
  Time time(std::size_t i) const;
};
using Rows = std::vector<Row>;

// What reads can do: a transaction of its own, or inside a write.
// Errors of every call: invalid_argument, too_large (see check_params), conflict (a unique constraint was
// hit) and precondition_failed (a foreign key was), both with details.constraint where it is known;
// unavailable (the disk is full or the server gone, try again), internal (wrong SQL, damage).
class Reader {
 public:
  virtual ~Reader() = default;
  // One statement. REQUIRES: as many params as the statement has placeholders.
  virtual Result<Rows> query(std::string_view sql, const Params& params = {}) = 0;
};

class Transaction : public Reader {
 public:
  // How many rows were changed.
  virtual Result<std::int64_t> execute(std::string_view sql, const Params& params = {}) = 0;
};

}  // namespace acloud::store
