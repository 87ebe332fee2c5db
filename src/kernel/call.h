// One use of an operation: what a surface hands in (Call), what a handler works with (Context), and what
// comes back (Reply).
#pragma once

#include <string>

#include "async/wait.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "kernel/grant.h"
#include "kernel/payload.h"
#include "ledger/refusal.h"
#include "ledger/usage.h"
#include "net/http.h"
#include "store/database.h"
#include "telemetry/span.h"

namespace acloud::kernel {

class CallPath;

// Where the events of a streaming operation go. Waiting is back-pressure.
class EventSink {
 public:
  virtual ~EventSink() = default;
  // `data` is JSON. Errors: cancelled, unavailable: the reader is gone, so stop.
  virtual Task<Result<>> emit(std::string_view event, std::string data) = 0;
};

struct Call {
  std::string request_id;
  std::string operation;  // "object.put"
  Json arguments = Json::object();
  net::Body* body = nullptr;         // the raw request body, where it carries the operation's body_in field
  EventSink* events = nullptr;       // where the caller wants the events of a streaming operation
  const Payload* payload = nullptr;  // the request in a dialect's own bytes, for operations that take it
  ReplyStream* stream = nullptr;     // where the reply to it may begin before it is whole
  bool wants_bytes = false;          // the caller takes the operation's body_out field as raw bytes
  bool dry_run = false;
  std::string idempotency_key;  // "" for none
  std::string once;             // the call path's alone: see Context::once()
  async::Deadline deadline = async::Deadline::never();
  // What the caller's own trace says. Without a tracer it came from outside; the call path puts its own span
  // in its place.
  telemetry::Scope trace;
};

struct Reply {
  std::string json;                // the reply, encoded; "" where `bytes` is set
  std::optional<net::Body> bytes;  // the body_out field alone
  net::Headers headers;            // for `bytes`: content-type, etag and the like
  bool replayed = false;           // an earlier call with the same idempotency key gave this reply
};

// What may leave: a handler goes on as soon as its writes are queued, and the surface awaits the gate before
// the last byte of the reply, so that only the one who must waits for the disk.
class Gate {
 public:
  void add(store::Commit commit) { commits_.push_back(std::move(commit)); }
  // Errors: unavailable, internal: something that the reply promises is not on disk.
  Task<Result<>> wait();
  // The commit that was added last.
  store::Commit last() const { return commits_.empty() ? store::Commit() : commits_.back(); }

 private:
  std::vector<store::Commit> commits_;
};

// What goes into the database together with the write that decides a call: its audit record, its usage, and
// the reply for its idempotency key.
class Settlement {
 public:
  virtual ~Settlement() = default;
  virtual Result<> settle_in(store::Transaction& transaction, const std::string& reply_json) = 0;
};

// Where a call that uses a model is paid.
class Account {
 public:
  virtual ~Account() = default;
  virtual Task<Result<>> hold(ledger::Estimate estimate) = 0;
  virtual void so_far(ledger::Usage usage) = 0;
  virtual void used(ledger::Usage usage) = 0;
  virtual ledger::Standing standing() const = 0;
};

// A handler's view of the call it works for.
class Context {
 public:
  Context(const Caller& caller, Call& call, Gate& gate, store::Database& database, Clock& clock,
          Random& random, Settlement* settlement, Account& account)
      : caller(caller),
        clock(clock),
        random(random),
        call_(call),
        gate_(gate),
        database_(database),
        settlement_(settlement),
        account_(account) {}

  const Caller& caller;
  Clock& clock;
  Random& random;

  const std::string& workspace() const { return caller.workspace; }
  const std::string& request_id() const { return call_.request_id; }
  async::Deadline deadline() const { return call_.deadline; }
  // Where spans of what the call does begin: below its own.
  const telemetry::Scope& trace() const { return call_.trace; }
  // The raw body, or null where the field came in JSON.
  net::Body* body() { return call_.body; }
  // Null unless the caller streams.
  EventSink* events() { return call_.events; }
  // Null unless the call came in a dialect's own bytes; stream() is then set too.
  const Payload* payload() const { return call_.payload; }
  ReplyStream* stream() { return call_.stream; }
  bool wants_bytes() const { return call_.wants_bytes; }
  // The name of this one call, for effects that are beside the store: 64 hex digits made of the workspace,
  // the idempotency key, the operation and its arguments. Whoever keeps it with the effect can tell a repeat.
  // "" where the call has no idempotency key.
  const std::string& once() const { return call_.once; }

  // The write that decides the call: `work`, a Result<Reply>(Transaction&), runs in one transaction with the
  // call's audit, usage and idempotency records, so that after a crash there are all of them or none.
  // At most once a call. Its commit is added to the gate.
  template <class F>
  auto commit(F work) -> Task<std::invoke_result_t<F, store::Transaction&>>;
  bool committed() const { return committed_; }
  // Waits until what was written is on disk, for a handler that then lets go of what a repeat would need.
  // Errors: as Gate::wait().
  Task<Result<>> durable() { return gate_.wait(); }

  // A write beside the deciding one. Its commit is added to the gate.
  template <class F>
  auto write(F work) -> Task<std::invoke_result_t<F, store::Transaction&>>;
  template <class F>
  auto read(F work) {
    return database_.read(std::move(work));
  }
  // For a few rows by their keys: on the calling loop where the store can.
  template <class F>
  auto read_here(F work) {
    return database_.read_here(std::move(work));
  }

  // Before a provider of models is called, once for each model that is tried: sets aside what `estimate` may
  // cost, and counts the call towards the rate limits. What is not used is given back with the call's end,
  // whatever that is.
  // Errors: budget_exceeded, rate_limited with retry_after; both with details limit, remaining and reset_s,
  // and details.kind: "budget", "requests", "tokens" or "growth".
  Task<Result<>> hold(ledger::Estimate estimate) { return account_.hold(std::move(estimate)); }
  // The narrowest rate limits after hold(), for the x-ratelimit headers.
  ledger::Standing standing() const { return account_.standing(); }
  // Now and then while an attempt runs: what it has used as far as is known, in place of what was said
  // before. It is charged where the server is killed before used(). Costs about a microsecond, and no write.
  void so_far(ledger::Usage usage) { account_.so_far(std::move(usage)); }
  // After each attempt that used any tokens, also one that failed or was hung up on. It is kept with the
  // call's record, in one transaction, whatever becomes of the call from here. REQUIRES: before commit().
  void used(ledger::Usage usage) { account_.used(std::move(usage)); }

  // For a reply of raw bytes: what JSON has in fields goes into headers.
  void reply_with_bytes(net::Body bytes, net::Headers headers);
  std::optional<net::Body>& bytes() { return bytes_; }
  // Raw bytes stand for the reply: then its JSON is read by nobody but the records of effects.
  bool wants_json() const { return !bytes_ || settlement_ != nullptr; }
  net::Headers& headers() { return headers_; }

 private:
  Call& call_;
  Gate& gate_;
  store::Database& database_;
  Settlement* settlement_;  // null where a call leaves no durable record (reads)
  Account& account_;
  bool committed_ = false;
  std::optional<net::Body> bytes_;
  net::Headers headers_;
};

template <class F>
auto Context::write(F work) -> Task<std::invoke_result_t<F, store::Transaction&>> {
  auto written = co_await database_.write(std::move(work));
  if (!written) co_return std::unexpected(std::move(written).error());
  gate_.add(std::move(written->commit));
  if constexpr (std::is_void_v<typename std::invoke_result_t<F, store::Transaction&>::value_type>) {
    co_return {};
  } else {
    co_return std::move(written->value);
  }
}

template <class F>
auto Context::commit(F work) -> Task<std::invoke_result_t<F, store::Transaction&>> {
  using R = std::invoke_result_t<F, store::Transaction&>;
  auto result = co_await write(
      [work = std::move(work), settlement = settlement_](store::Transaction& transaction) mutable -> R {
        R reply = work(transaction);
        if (reply && settlement != nullptr) {
          ACLOUD_CHECK(settlement->settle_in(transaction, encode(*reply)));
        }
        return reply;
      });
  committed_ = result.has_value();
  co_return result;
}

}  // namespace acloud::kernel
