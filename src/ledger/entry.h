// What the ledger is told of a call: who made it, when, and what it used.
#pragma once

#include <span>
#include <string_view>

#include "ledger/charge.h"

namespace acloud::ledger {

// One call. Views into what the caller keeps.
struct Entry {
  std::string_view request_id;
  Time started{};
  std::string_view workspace;
  std::string_view key;
  std::string_view principal;
  std::string_view operation;
  std::string_view outcome;  // "ok", or the code of the error
  std::span<const Charge> charges;

  // The task on whose behalf the call was made; "" for none. A task is a principal of its own.
  std::string_view task() const { return principal.starts_with("task_") ? principal : std::string_view(); }
};

}  // namespace acloud::ledger
