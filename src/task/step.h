// What a task does, one step at a time.
//
// A step is one effect of a task: a call of an operation, a call of a model, a wait. What came of it is
// written to the journal before the next step begins. A task that is replayed takes these outcomes in place
// of doing the steps again; so what it does next must follow from its request and from outcomes alone, never
// from a clock, from chance or from memory that a crash would lose.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "task/task_types.h"

namespace acloud::task {

enum class StepKind { call, chat, sleep, signal, interrupt, approval };
constexpr auto enum_names(StepKind) {
  using enum StepKind;
  return std::array<std::pair<StepKind, std::string_view>, 6>{{{call, "call"},
                                                               {chat, "chat"},
                                                               {sleep, "sleep"},
                                                               {signal, "signal"},
                                                               {interrupt, "interrupt"},
                                                               {approval, "approval"}}};
}

// Names of signals that only a decision about an approval has: "approval/17" for step 17.
inline constexpr std::string_view kApprovalSignal = "approval/";
// Those of a child's end: "child/task_...".
inline constexpr std::string_view kChildSignal = "child/";
inline bool is_reserved(std::string_view signal) {
  return signal.starts_with(kApprovalSignal) || signal.starts_with(kChildSignal);
}

// The name of a chat that makes room in an agent's conversation, and is no part of it.
inline constexpr std::string_view kSummaryStep = "context.summary";

// The name of a sleep in which a task waits, with nothing, for resources that can't be had just now.
inline constexpr std::string_view kRoomStep = "task.wait_for_resources";

// The name of an interrupt: from here on the journal is of an engine that has taken over from another.
inline constexpr std::string_view kOutgrown = "outgrown";

struct Step {
  std::int64_t number = 0;
  StepKind kind = StepKind::call;
  std::string name;  // the operation; the signal that is waited for; why it is interrupted
  // call: its arguments as JSON; chat: the request in OpenAI's dialect; sleep: seconds; approval: {arguments,
  // timeout_s} of the call that name and ref are of
  std::string input;
  std::string ref;  // the model's own name for a call that it asked for
  // What gathers and gives back resources is done with the owner's rights, all else with the task's own.
  bool as_owner = false;
  // May be left in the middle when the task is cancelled. What makes and removes resources may not: it would
  // not be known whether they are there.
  bool cut = false;

  // The signal that ends it. REQUIRES: kind signal or approval.
  std::string signal() const {
    return kind == StepKind::approval ? std::string(kApprovalSignal) + std::to_string(number) : name;
  }
};

// In an error's JSON, where it passes by itself: milliseconds.
inline constexpr const char* kRetryAfter = "retry_after_ms";

// A reply as the operation wrote it; or the error, as {"code":...,"message":...}.
struct Outcome {
  bool ok = true;
  std::string json;
};

// A line of the journal: a step that was done, or one that was begun and takes long (no outcome yet).
struct Entry {
  Step step;
  std::optional<Outcome> outcome;
  Time began{};
};

struct Ending {
  State state = State::succeeded;
  OrderedJson result;
  std::optional<TaskFailure> error;
};

Outcome failure(std::string_view code, std::string_view message);
Outcome failure(const Error& error);
// REQUIRES: !outcome.ok.
TaskFailure failure_of(const Outcome& outcome);

}  // namespace acloud::task
