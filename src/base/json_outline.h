// The outline of a JSON object that comes in pieces: where its top-level fields stand, and the text of those
// that are small. For bodies that are passed on as they came, where a few fields decide what happens and the
// rest, however large, is not to be kept or copied.
//
// It reads exactly as much as it needs to be sure of the outline: names, separators, strings and brackets.
// What stands inside a value is otherwise not checked. A name that stands twice is an error, since two
// readers of one text could see two values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace acloud {

class JsonOutline {
 public:
  static constexpr std::size_t kFields = 512;
  static constexpr std::size_t kNameBytes = 256;
  static constexpr std::size_t kTextBytes = 16 * 1024;  // a value beyond it is not kept

  struct Field {
    std::string name;
    std::uint64_t begin = 0;  // of the value, from the first byte fed
    std::uint64_t end = 0;
    std::string text;  // the value as it is written; "" where it is longer than kTextBytes
  };

  // Errors: invalid_argument, naming the byte: no object, malformed, a name twice, nested too deep, too many
  // fields.
  Result<> feed(std::string_view piece);
  // Errors: invalid_argument where the object is not whole.
  Result<> finish() const;

  const std::vector<Field>& fields() const { return fields_; }
  const Field* find(std::string_view name) const;
  // The value of field `name`; nothing where there is none, where it is null or of another type.
  std::optional<std::string> string(std::string_view name) const;
  std::optional<std::int64_t> integer(std::string_view name) const;
  bool is_true(std::string_view name) const;
  // The parsed value; nothing where there is none, it is too long or malformed.
  std::optional<Json> value(std::string_view name) const;
  // Where the object's closing bracket stands. REQUIRES: finish() is well.
  std::uint64_t end() const { return end_; }

 private:
  enum class State { start, name_or_end, name, colon, value, string, nested, scalar, comma_or_end, done };
  using Step = Result<std::size_t>;

  Step step(std::string_view piece, std::size_t at);
  Step between(char c, std::size_t at);
  Step begin_value(char c, std::size_t at);
  Step in_name(std::string_view piece, std::size_t at);
  Step in_nested(std::string_view piece, std::size_t at);
  std::size_t skip_string(std::string_view piece, std::size_t at);
  Result<> end_name();
  void end_value(std::size_t at);
  Result<> bracket(char c);
  std::unexpected<Error> malformed(std::size_t at, std::string_view wanted) const;

  State state_ = State::start;
  std::uint64_t passed_ = 0;  // bytes of the pieces before
  std::uint64_t end_ = 0;
  std::string name_;
  std::vector<Field> fields_;
  std::vector<bool> open_;  // brackets of the value under way: true for {
  bool inside_string_ = false;
  bool escaped_ = false;
  bool first_ = true;  // no field yet
  bool keep_ = false;  // the value's text is kept
};

// The value of `"name":` wherever it first stands in `text`, which is one valid JSON value, as it is written;
// "" where there is none. Inside a string no name can stand, since its quotes are escaped there.
std::string_view find_json_value(std::string_view text, std::string_view name);

}  // namespace acloud
