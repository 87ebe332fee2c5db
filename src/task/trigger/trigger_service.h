// The work of product `trigger`: tasks that events start.
//
// An event that was acknowledged is a row, or a message in its queue. It is done in two steps: the task is
// run by a call with an idempotency key made of the trigger and the event, then the event goes. So one that a
// crash cuts off between the two is done again to no effect, and of two servers that see it one runs it.
#pragma once

#include "task/schedule/on_behalf.h"
#include "task/trigger/rows.h"

namespace acloud::task::trigger {

class TriggerService {
 public:
  TriggerService(store::Database& database, Clock& clock, Random& random, schedule::OnBehalf::KeyWorks works)
      : database_(database), clock_(clock), behalf_(random, std::move(works)) {}
  // REQUIRES: before the first call. The path outlives the service's use.
  void connect(kernel::CallPath& path) { behalf_.connect(path); }

  Task<Result<Trigger>> create(kernel::Context& context, CreateTrigger request);
  Task<Result<Trigger>> get(kernel::Context& context, TriggerName request);
  Task<Result<TriggerList>> list(kernel::Context& context, ListTriggers request);
  Task<Result<Trigger>> pause(kernel::Context& context, TriggerName request);
  Task<Result<Trigger>> resume(kernel::Context& context, TriggerName request);
  Task<Result<TriggerName>> remove(kernel::Context& context, TriggerName request);

  // An event that came to the webhook of this address; kept when it returns. `delivery` is the sender's id of
  // it, "" for none. Errors: rate_limited, unavailable (paused), both with retry_after; the store's.
  Task<Result<>> accept(const Stored& trigger, std::string delivery, Json event);
  Task<Result<std::optional<Stored>>> webhook(std::string id);

  // To be called about once a second: runs tasks for what came. How many triggers had something to do.
  Task<Result<std::size_t>> run_due();

 private:
  Task<Result<Trigger>> set_paused(kernel::Context& context, std::string name, bool paused);
  Task<Result<>> run_one(const Stored& trigger);
  Task<Result<>> run_events(const Stored& trigger, std::int64_t room);
  Task<Result<>> run_messages(const Stored& trigger, std::int64_t room);
  // False where it is to be tried again later, and nothing more of this trigger now.
  Task<Result<bool>> start(const Stored& trigger, const std::string& source, Json event, rows::Turn& turn);
  Task<Result<>> keep(const Stored& trigger, rows::Turn turn);

  store::Database& database_;
  Clock& clock_;
  schedule::OnBehalf behalf_;
};

// `task`, the fields of task.run, told of `event`: in a program's file event.json, else at the end of its
// goal.
Json told_of(Json task, const Json& event);

}  // namespace acloud::task::trigger
