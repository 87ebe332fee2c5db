// Server-sent events (the WHATWG HTML standard, section 9.2), written and read.
#pragma once

#include <string>

#include "net/http.h"

namespace acloud::net {

struct Event {
  std::string event;  // "" is left out, which a reader takes as "message"
  std::string data;   // may hold line breaks
  std::string id;     // "" is left out
};

// The event as bytes, ending in an empty line.
std::string to_sse(const Event& event);

// Reads events from bytes that come in pieces, cut anywhere.
class SseParser {
 public:
  // `limit`: the largest event, in bytes.
  explicit SseParser(std::size_t limit = 16 << 20) : limit_(limit) {}
  // Appends the events that `bytes` completes to `events`. Errors: too_large.
  Result<> feed(std::string_view bytes, std::vector<Event>& events);

 private:
  void line(std::string_view text, std::vector<Event>& events);
  std::size_t limit_;
  std::string partial_;
  Event event_;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool at_start_ = true;
};

}  // namespace acloud::net
