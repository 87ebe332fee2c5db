// One call of a model, from the first attempt to the settled account: which target, when to try another, what
// the client gets, and what it cost.
//
// The upstream's side of it does not end with the client: when a client hangs up, the reply is read on for a
// while, so that the figures of what it cost still come. Whatever happens, used() is told once for an attempt
// that got as far as using tokens.
#pragma once

#include <stop_token>

#include "kernel/call.h"
#include "model/attempt.h"
#include "model/call_span.h"
#include "model/response_cache.h"
#include "model/telemetry.h"

namespace acloud::model {

class Exchange {
 public:
  struct Parts {
    kernel::Context& context;
    const kernel::Payload& payload;
    kernel::ReplyStream& stream;
    const RouteTable& routes;
    Upstreams& upstreams;
    Telemetry& telemetry;
    ResponseCache& cache;
    const guard::Guard& guard;
    guard::Findings& findings;
    bool traces_content = false;  // spans hold what is asked and answered
  };
  // REQUIRES: the payload is of `form`; all parts outlive the exchange.
  Exchange(Parts parts, Form form);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Errors: not_found (no such model), those of the budget and of the upstream, cancelled.
  Task<Result<Answer>> run(const std::string& model_name);

 private:
  // What stops the upstream's side some time after the client's.
  struct OnHangUp {
    Exchange& exchange;
    void operator()() const { exchange.hung_up(); }
  };
  using Tried = std::vector<const Target*>;
  // A target that is asked, from its choice to its account.
  struct Asking {
    Asking(Exchange& exchange, const Model& model, const Target& target);
    telemetry::Span span;
    Answer answer;
    Attempt attempt;
    async::Deadline by;
    Duration waited_beside{};  // is counted otherwise
  };

  void hung_up();
  Task<Result<>> hold(const Model& model);
  bool answer_from_cache(const std::string& key);
  Task<Result<>> answer(const Model& model);
  void keep_answer(const std::string& key, std::chrono::seconds time, std::string bytes);
  std::string answer_type() const;
  void trace_content(const std::optional<std::string>& bytes);
  void serve(const Model& model, const Result<>& result);
  Task<Result<>> try_chain(const Model& first);
  Task<Result<>> try_model(const Model& model);
  Result<const Target*> choose(const Model& model, const Tried& tried);
  bool has_untried(const Model& model, const Tried& tried) const;
  Task<Result<>> wait_before_retry(Error error, int attempt);
  Result<std::unique_ptr<Asking>> ask(const Model& model, const Target& target);
  Task<Result<>> begin(Asking& asking);
  Task<Result<>> finish(Asking& asking);
  void close(Asking& asking, const Result<>& result, bool beaten);
  Task<Result<>> try_target(const Model& model, const Target& target);
  // The same with another beside it, should it take long; that one is then added to `tried`.
  Task<Result<>> try_hedged(const Model& model, const Target& target, Tried& tried);
  Task<Result<>> begin_second(const Model& model, Tried& tried, std::unique_ptr<Asking>& second);
  void report(const Attempt& attempt, const Result<>& result);
  ledger::Usage usage_of(const Attempt& attempt) const;
  void account(const Attempt& attempt, const Result<>& result, bool beaten);
  void measure(const Attempt& attempt, const Result<>& result);
  bool may_retry(const Error& error) const;

  kernel::Context& context_;
  const kernel::Payload& payload_;
  Recorder recorder_;            // of the client's stream, where the answer is to be kept
  kernel::ReplyStream& stream_;  // the client's, or the recorder before it
  const RouteTable& routes_;
  Upstreams& upstreams_;
  Telemetry& telemetry_;
  ResponseCache& cache_;
  const guard::Guard& guard_;
  guard::Findings& findings_;
  Form form_;
  bool traces_content_;
  telemetry::Span span_;  // of the call; each attempt has one below it
  int attempts_ = 0;
  LastAttempt last_;
  async::EventLoop& loop_;
  Instant began_;
  bool streams_;
  Answer answer_;
  net::Headers limits_;  // where the caller's rate limits stand

  bool gone_ = false;  // the client is
  std::chrono::milliseconds hang_up_time_{0};
  std::stop_source upstream_stop_;
  async::EventLoop::Timer hang_up_timer_;
  Duration waited_{};  // for upstreams and the client
};

}  // namespace acloud::model
