// Replies in OpenAI's dialect, written.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "inference/live/generate.h"

namespace acloud::inference {

// What all parts of one reply have in common.
struct ReplyHead {
  std::string id;  // "chatcmpl-..."
  std::int64_t created = 0;
  std::string model;
};

std::string_view name_of(Finish finish);
// {"prompt_tokens":..,"completion_tokens":..,"total_tokens":..,"prompt_tokens_details":{"cached_tokens":..}}
Json usage_of(const Outcome& outcome);

// A whole reply: its deltas joined.
class WholeReply {
 public:
  void add(const Delta& delta);
  std::string finish(const ReplyHead& head, const Outcome& outcome) const;

 private:
  std::string content_;
  std::string reasoning_;
  std::vector<ToolCallDelta> calls_;
  std::vector<TokenLog> tokens_;
};

// Events of a stream, as bytes.
std::string first_event(const ReplyHead& head);
std::string delta_event(const ReplyHead& head, const Delta& delta);
// With the figures, where they are wanted, and the end of the stream.
std::string last_events(const ReplyHead& head, const Outcome& outcome, bool include_usage);

// {"error":{"message":..,"type":..,"param":..,"code":..}}
std::string error_body(const Error& error);

}  // namespace acloud::inference
