// One request to one target, and its reply on the way to the client.
#pragma once

#include "kernel/call.h"
#include "model/guard/guard.h"
#include "model/pipe.h"
#include "model/route_table.h"
#include "model/translate.h"
#include "model/upstreams.h"

namespace acloud::model {

// What the client gets once the call is settled: a whole reply, or the end of one that has begun.
struct Answer {
  net::Headers headers;
  std::string bytes;
};

class Attempt {
 public:
  // How the client is seen from here. Once it is gone, nothing more is written to it.
  struct Client {
    const kernel::Payload& payload;
    Form form;
    bool streams;
    kernel::ReplyStream& stream;
    Answer& answer;
    const bool& gone;
    const net::Headers& headers;                      // what its response carries beside the upstream's own
    std::function<void()> on_gone;                    // a write to it failed
    std::function<void(const Attempt&)> on_progress;  // more of a stream has come
    const std::string& workspace;
    const guard::Guard& guard;  // of what the client gets
    guard::Findings& findings;
    telemetry::TraceContext trace;  // what the upstream is told of the trace
  };
  // REQUIRES: everything outlives the attempt.
  Attempt(Client client, const Model& model, const Target& target, Upstreams& upstreams);

  // Sends the request, and receives until there is something for the client: the first token of a stream, or
  // the whole of a reply that is not large. Until then another attempt may take its place.
  // Errors: unavailable, deadline_exceeded, rate_limited and so on, as the upstream or the way there has it.
  Task<Result<>> begin();
  // The rest of it. What must wait for the call's end is put into the answer.
  // REQUIRES: begin() was well. Errors: as begin().
  Task<Result<>> finish();

  const Model& model() const { return model_; }
  const Target& target() const { return target_; }
  const Learned& learned() const { return learned_; }
  // Of the request to the upstream.
  Form upstream_form() const { return form_; }
  // What the upstream answered; nothing where it did not.
  std::optional<int> status() const { return response_ ? std::optional(response_->status) : std::nullopt; }
  // The request may have reached the upstream.
  bool asked() const { return asked_; }
  Instant began() const { return began_; }
  std::optional<Instant> first_token_at() const { return first_token_at_; }
  // Time spent waiting: for the upstream, or for the client to take bytes.
  Duration waited() const { return waited_; }
  // About how many tokens the request is.
  std::int64_t input_estimate() const;

 private:
  bool translates() const { return form_ != client_.form; }
  bool guarded() const { return is_chat(client_.form) && client_.guard.watches(guard::Side::reply); }
  // What is translated or looked through is kept whole.
  std::size_t kept_whole() const;
  std::unique_ptr<StreamPipe> pipe() const;
  void note_end();
  Result<> put_whole(std::string body);
  Error from_provider(Error error) const;
  Task<Result<>> send();
  Task<Result<net::Request>> request();
  Task<Result<net::Response>> ask_engine(net::Request request);
  Task<Result<>> take_error();
  Task<Result<>> begin_stream();
  Task<Result<>> begin_whole();
  Task<Result<>> finish_large();
  Task<Result<>> finish_stream();
  Result<> take_whole();
  Task<Result<bool>> take_piece();
  Task<Result<>> to_client();
  Task<Result<std::string>> read();

  Client client_;
  const Model& model_;
  const Target& target_;
  Upstreams& upstreams_;
  async::EventLoop& loop_;
  ReplyWishes wishes_;  // of the client, for a translated reply
  Form form_;           // of the request to the upstream
  Instant began_;
  bool asked_ = false;
  std::optional<Instant> first_token_at_;
  Duration waited_{};
  Learned learned_;
  mutable std::optional<std::int64_t> input_estimate_;  // made when it is first asked for

  std::optional<net::Response> response_;
  net::Headers headers_;  // for the client
  std::string out_;       // for the client, not written yet
  std::string last_;      // for the client, when the call is settled

  std::unique_ptr<StreamPipe> pipe_;  // of a stream
  SseCutter cutter_;
  bool ended_ = false;

  JsonOutline outline_;  // of a reply in one piece
  bool large_ = false;   // more than is kept of it
};

}  // namespace acloud::model
