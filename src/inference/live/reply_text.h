// The text of a reply as it grows: what of it may be shown already, and where a stop string ends it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace acloud::inference {

class ReplyText {
 public:
  // REQUIRES: no stop is empty.
  explicit ReplyText(std::vector<std::string> stops);

  // Takes more bytes in, and gives those that can be shown now: whole characters that are no part of a stop
  // string that may be under way. What is not UTF-8 becomes U+FFFD.
  std::string feed(std::string_view bytes);
  // A stop string came; it and what follows are never shown.
  bool stopped() const { return stopped_; }
  // No more will come: the rest.
  std::string finish();

 private:
  std::size_t held_for_stops() const;

  std::vector<std::string> stops_;
  std::size_t longest_ = 0;
  std::string held_;  // not shown yet
  bool stopped_ = false;
};

}  // namespace acloud::inference
