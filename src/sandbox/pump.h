// Reads a program's output, so that the program never stops for want of a reader.
#pragma once

#include "async/wait.h"

namespace acloud::sandbox {

// Which stream of a program: its own two, or the one of its terminal.
enum class Source { out, err, pty };
constexpr auto enum_names(Source) {
  return std::array<std::pair<Source, std::string_view>, 3>{
      {{Source::out, "stdout"}, {Source::err, "stderr"}, {Source::pty, "pty"}}};
}

// Where output goes.
class Sink {
 public:
  virtual ~Sink() = default;
  // Waiting holds the program up. False: nobody wants more.
  virtual Task<bool> take(Source source, std::string bytes) = 0;
};

// Hands on what comes from `fd`, to its end. When the task is stopped, since the program has ended, only what
// it can have left in the pipe: others may hold that open, and write to it, for ever. REQUIRES: `fd` is
// non-blocking, or a terminal; it and `sink` outlive the task.
Task<> pump(int fd, Source source, Sink& sink);

}  // namespace acloud::sandbox
