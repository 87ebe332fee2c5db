// Strong types for what is counted and named, so that no number and no name is taken for another.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace acloud {

// A size in bytes.
struct ByteCount {
  std::int64_t value = 0;
  friend auto operator<=>(ByteCount, ByteCount) = default;
};
constexpr ByteCount kibibytes(std::int64_t n) { return {n << 10}; }
constexpr ByteCount mebibytes(std::int64_t n) { return {n << 20}; }
constexpr ByteCount gibibytes(std::int64_t n) { return {n << 30}; }

// An identifier: a prefix that says what it names, '_', and 20 hex digits (80 random bits), such as
// "sbx_00c1...". `Kind` has `static constexpr std::string_view kPrefix`.
template <class Kind>
class Id {
 public:
  Id() = default;
  static Id make(Random& random) { return Id(fmt::format("{}_{}", Kind::kPrefix, random.hex(10))); }
  // Whatever a caller wrote: one that names nothing is simply not found.
  static Id from(std::string text) { return Id(std::move(text)); }
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  explicit Id(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace acloud
