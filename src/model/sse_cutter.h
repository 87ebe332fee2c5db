// Cuts a stream of server-sent events into events, whose bytes are kept as they came so that they can be
// passed on untouched.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace acloud::model {

// Views live until the next feed() or next().
struct RawEvent {
  std::string_view raw;   // with the empty line that ends it
  std::string_view name;  // "" where none is given
  std::string_view data;  // lines joined by LF; "" where there is none
};

class SseCutter {
 public:
  explicit SseCutter(std::size_t limit = 16 << 20) : limit_(limit) {}
  // Errors: too_large: one event is larger than the limit.
  Result<> feed(std::string_view bytes);
  // The next whole event. False where more bytes are needed.
  bool next(RawEvent& event);
  // Bytes of an event that is not whole: more than blanks where the stream was cut off.
  std::string_view rest() const { return std::string_view(buffer_).substr(begin_); }

 private:
  void take_line(std::string_view line);
  void drop_taken();

  std::size_t limit_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of the event under way
  std::size_t scan_ = 0;   // of its line under way
  std::size_t name_at_ = 0, name_size_ = 0;
  std::size_t data_at_ = 0, data_size_ = 0;
  int data_lines_ = 0;
  std::string joined_;  // data of more than one line
};

}  // namespace acloud::model
