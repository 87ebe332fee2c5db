// Triggers, and the events that wait for their tasks, as rows of the store.
//
// An object's event is written in the transaction of its put, a webhook's before its sender is answered; a
// queue's message stays in its queue. An event has a source, which never comes twice in the life of a
// trigger: the idempotency key of the task that is run for it.
#pragma once

#include "kernel/grant.h"
#include "store/database.h"
#include "task/trigger/trigger_types.h"

namespace acloud::task::trigger {

std::vector<store::Migration> migrations();
Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace);

struct Stored {
  std::string id;  // in its address; never used for another
  kernel::Caller owner;
  std::string secret;
  Trigger shown;
};

struct Event {
  std::int64_t number = 0;
  std::string source;
  std::string json;
};

struct PutObject {
  std::string bucket, key, etag, content_type;
  std::int64_t size = 0;
};

namespace rows {

inline constexpr std::int64_t kTriggersMost = 1000;   // in one workspace
inline constexpr std::int64_t kWaitingMost = 10'000;  // events of one trigger

// Errors: not_found; those of the store.
Result<Stored> find(store::Reader& reader, const std::string& workspace, const std::string& name);
// Nothing where there is no webhook of that address.
Result<std::optional<Stored>> find_webhook(store::Reader& reader, const std::string& id);
Result<std::vector<Stored>> list(store::Reader& reader, const std::string& workspace,
                                 const std::string& after, std::int64_t limit);
// Those that may have something to do: not paused, with events that wait or a queue, whose turn it is.
Result<std::vector<Stored>> ready(store::Reader& reader, Time now, std::int64_t limit);
// Errors: conflict; too_large.
Result<> add(store::Transaction& tx, const Stored& stored);
Result<> set_paused(store::Transaction& tx, const Stored& stored, bool paused);
Result<> remove(store::Transaction& tx, const std::string& workspace, const std::string& name);

// False where it waits already. Errors: rate_limited: kWaitingMost wait.
Result<bool> add_event(store::Transaction& tx, const std::string& trigger, const std::string& source,
                       const std::string& json, Time now);
// The events of an object that was put, of every trigger that waits for it.
Result<> object_was_put(store::Transaction& tx, const std::string& workspace, const PutObject& object,
                        Time now);
Result<std::vector<Event>> waiting(store::Reader& reader, const std::string& trigger, std::int64_t limit);
// How many of its tasks go on.
Result<std::int64_t> going_on(store::Reader& reader, const std::string& trigger);

// What became of an event.
struct Turn {
  Time at{};
  std::optional<std::int64_t> event;  // it is done with
  std::optional<std::string> task;    // that was run for it
  std::string outcome;
  Time next{};  // not to be looked at before
};
Result<> advance(store::Transaction& tx, const std::string& trigger, const Turn& turn);

}  // namespace rows
}  // namespace acloud::task::trigger
