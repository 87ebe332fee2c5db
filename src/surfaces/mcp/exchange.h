// One request under way, as whoever answers it sees it: who asks, and how to say or ask something before the
// answer. What that means goes by the revision, and by whether the request has become a task.
#pragma once

#include <string>

#include "async/task.h"
#include "kernel/grant.h"
#include "surfaces/mcp/revision.h"

namespace acloud::surfaces::mcp {

class Exchange {
 public:
  Exchange(const kernel::Caller& caller, const Client& client, Json state)
      : caller_(caller), client_(client), state_(std::move(state)) {}
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const kernel::Caller& caller() const { return caller_; }
  const Client& client() const { return client_; }
  // What ask() was given in the round before; null in the first.
  const Json& state() const { return state_; }

  // Nothing where the client does not want it. A client that is gone is noticed by the request's stop.
  virtual Task<> progress(double done, std::optional<double> total, std::string message) = 0;
  virtual Task<> log(LogLevel level, std::string logger, OrderedJson data) = 0;

  // When a question is put: while a task runs, or before the request becomes one.
  enum class When { any_time, before_task };
  // Asks the client: `questions` are requests (elicitation/create, sampling/createMessage, roots/list) under
  // names; gives the answers under the same names, each an object of the right form. Whoever calls this must
  // pass on its error as it is. In a revision without requests to the client the handler is run again from
  // its beginning, with the answers at hand and `state` given back by state(). Errors: missing_capability,
  // invalid_params, input_needed.
  virtual Task<Rpc<Json>> ask(OrderedJson questions, Json state = nullptr, When when = When::any_time) = 0;

 private:
  const kernel::Caller& caller_;
  const Client& client_;
  Json state_;
};

// The capability that a question needs of the client: "elicitation", "sampling", "roots".
std::string_view capability_of(std::string_view method);
// Errors: missing_capability, naming all that lack.
Rpc<> check_capabilities(const Client& client, const OrderedJson& questions);
// Errors: invalid_params where `answer` can't be one to `question`.
Rpc<> check_answer(std::string_view name, const OrderedJson& question, const Json& answer);
// The answers to all `questions` that the client sent with its request. Errors: as ask().
Rpc<Json> answers_at_hand(const Client& client, const OrderedJson& questions);
// As text: null in a client that wants less.
std::string log_params(LogLevel level, std::string_view logger, const OrderedJson& data);

}  // namespace acloud::surfaces::mcp
