// What a reply goes through on its way from the upstream to the client, event by event or whole: passed on as
// it came, or translated. Pure: bytes in, bytes out, and what was learned on the way.
#pragma once

#include <memory>
#include <string>

#include "ledger/usage.h"
#include "model/form.h"
#include "model/sse_cutter.h"
#include "net/http.h"

namespace acloud::model {

// What a reply has told of itself so far.
struct Learned {
  std::optional<ledger::Tokens> tokens;          // by the upstream's own figures
  bool whole_figures = false;                    // they are those of the whole reply, not of its beginning
  std::int64_t output_estimate = 0;              // tokens written so far, by their text
  bool first_token = false;                      // something of the answer has come
  bool done = false;                             // the upstream has said that the answer is whole
  std::string id;                                // the upstream's own, for traces; "" where it has none
  std::vector<std::string> finish_reasons = {};  // of each choice, in the words of the upstream's dialect

  // Of what an upstream says, no more than a trace has room for.
  void note_id(std::string_view said) {
    if (id.empty() && said.size() <= 128) id = said;
  }
  void note_finish(std::string_view said) {
    if (!said.empty() && said.size() <= 64 && finish_reasons.size() < 16) finish_reasons.emplace_back(said);
  }
};

// A streamed reply.
class StreamPipe {
 public:
  virtual ~StreamPipe() = default;
  // Takes the upstream's next event. What goes to the client is appended to `out`; what may only go when the
  // call is settled, the answer's end, to `last`.
  // Errors: unavailable, rate_limited and the like: the upstream reports that it failed, or sends what is not
  // its dialect.
  virtual Result<> take(const RawEvent& event, std::string& out, std::string& last) = 0;
  // The upstream's stream is over. Errors: unavailable: before its answer was.
  virtual Result<> end(std::string& out, std::string& last) = 0;
  const Learned& learned() const { return learned_; }

 protected:
  Learned learned_;
};

// Passes events on as they came. `wants_usage`: the client asked for OpenAI's usage chunk itself; else the
// one that was asked for in its name is left out.
std::unique_ptr<StreamPipe> pass_stream(Form form, bool wants_usage);

// The usage in a whole reply of `form`; nothing where there is none.
std::optional<ledger::Tokens> usage_in_reply(Form form, std::string_view usage_json);

// The error that an upstream's error body tells of, by its status: with details.status, and details.body
// where the bytes are the dialect's own and small enough to be passed on.
Error upstream_error(std::string_view provider, Dialect dialect, int status, std::string_view body);
// How long a provider asks to be left alone; nothing where it does not say.
std::optional<std::chrono::milliseconds> retry_after(const net::Headers& headers);

}  // namespace acloud::model
