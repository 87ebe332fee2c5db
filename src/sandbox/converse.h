// A program's streams while a call waits for it: its input is fed, its output collected and passed on, its
// end awaited, its time kept.
//
// Output is always read, so that the program never stops for want of a reader, but only the first `keep`
// bytes of each stream are kept; whoever wants all takes the events, at the pace of their reader. The end is
// the program's own: what it left running in the background holds nobody up, and what that writes later is
// lost.
#pragma once

#include "kernel/call.h"
#include "sandbox/jail/jail.h"

namespace acloud::sandbox {

// The beginning of a stream.
struct Output {
  std::string text;
  bool truncated = false;

  void add(std::string_view bytes, std::size_t keep);
};

struct Conversation {
  jail::Exit exit;
  bool timed_out = false;  // and was killed, with all that it had started
  Output out, err;
};

// The input of a program that is to be told nothing: at its end from the start, so that init need not be told
// later.
Result<jail::Fd> no_input();

// REQUIRES: where `input` is empty, the program was started with no_input().
// Events are "stdout" and "stderr", {"text": ...}. A caller that goes away, and `by`, end the program with
// all that it started. Errors: cancelled; unavailable (the jail has gone); whatever `events` says.
Task<Result<Conversation>> converse(jail::Process& process, std::string input, async::Deadline by,
                                    kernel::EventSink* events, std::size_t keep);

}  // namespace acloud::sandbox
