// multipart/form-data (RFC 7578), cut into its parts as it comes, so that a file in it may have any size.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace acloud::surfaces {

class MultipartCutter {
 public:
  static constexpr std::size_t kHeadMost = 16 << 10;  // bytes of a part's head
  static constexpr std::size_t kPartsMost = 64;

  // Errors: invalid_argument: `content_type` is not multipart/form-data with a boundary.
  static Result<MultipartCutter> make(std::string_view content_type);

  enum class What {
    more,  // feed() is to be called
    part,  // a part begins: name() and filename() tell which
    data,  // bytes() are its next ones
    part_end,
    end,  // what comes after is not looked at
  };
  // REQUIRES: next() gave `more`.
  void feed(std::string_view piece) { buffer_ += piece; }
  // Errors: invalid_argument: malformed, a head that is too long, too many parts.
  Result<What> next();

  const std::string& name() const { return name_; }
  const std::optional<std::string>& filename() const { return filename_; }
  // Until next() or feed() is called.
  std::string_view bytes() const { return bytes_; }

 private:
  enum class State { preamble, after_boundary, head, body, body_end, done };
  explicit MultipartCutter(std::string_view boundary);
  Result<What> take_head();
  What take_body();
  Result<std::optional<What>> take_boundary_end();
  void drop(std::size_t count);

  std::string delimiter_;        // CRLF, "--" and the boundary
  std::string buffer_ = "\r\n";  // as if a line had ended before the first boundary
  std::size_t given_ = 0;        // of the buffer's beginning, by bytes()
  State state_ = State::preamble;
  std::size_t parts_ = 0;
  std::string name_;
  std::optional<std::string> filename_;
  std::string_view bytes_;
};

}  // namespace acloud::surfaces
