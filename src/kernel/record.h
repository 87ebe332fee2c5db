// The record of one call, for usage, audit and metrics alike.
#pragma once

#include <string>

#include "base/schema.h"
#include "ledger/charge.h"

namespace acloud::kernel {

struct CallRecord {
  std::string request_id;
  Time started{};
  std::int64_t took_us = 0;
  std::string workspace;
  std::string principal;
  std::string key;
  std::string operation;
  std::string effect;
  std::string resource;
  std::string outcome;                  // "ok", or the code of the error
  std::vector<ledger::Charge> charges;  // for models, one for each attempt that used any

  static constexpr auto schema =
      fields(field("request_id", &CallRecord::request_id, "As in the response's x-request-id."),
             field("started", &CallRecord::started, "When the call came."),
             field("took_us", &CallRecord::took_us, "Microseconds until its reply was ready."),
             field("workspace", &CallRecord::workspace, "Whose call it was."),
             field("principal", &CallRecord::principal, "Who called."),
             field("key", &CallRecord::key, "The id of the key that was used."),
             field("operation", &CallRecord::operation, "What was called."),
             field("effect", &CallRecord::effect, "The operation's effect."),
             field("resource", &CallRecord::resource, "The thing that was named."),
             field("outcome", &CallRecord::outcome, "\"ok\", or the code of the error."));
};

}  // namespace acloud::kernel
