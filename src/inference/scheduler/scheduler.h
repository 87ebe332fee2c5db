// Decides what one engine computes next, so that many requests share it: continuous batching.
//
// A pure state machine: requests and what became of the last step go in, the next step comes out. It has no
// clock and does no I/O, so that what is simulated is what runs.
//
//   scheduler.add(request);
//   while (auto step = scheduler.next()) {
//     engine does step->moves in their order, then decodes step->work in one batch;
//     scheduler.taken();                      or failed(), where the engine could not
//     for each work that samples: scheduler.said(request, token) or scheduler.end(request);
//   }
//   if (auto fetch = scheduler.wanted()) read it, and scheduler.fetched() when that is done
//
// - A request joins between two steps and leaves between two steps. Prompts are taken in by chunks, beside
//   the sequences that speak, so that a long prompt holds up nobody for long.
// - A prompt that begins as something that a sequence holds, or will hold soon, is computed from there on.
//   What an ended request leaves stays until its place or its cells are needed, the least recently used
//   first. It is put aside (Aside) while there is nothing else to do, and taken out of the engine before a
//   long prompt is computed, since attention looks at every cell in use. A step names what leaves memory, so
//   that it can be kept elsewhere.
// - A request that comes with a state kept elsewhere (Kept) waits for it outside of the batch, where that
//   spares enough: others are computed meanwhile. One state at a time is on its way.
// - The workspace that was served least is served next, counted in tokens (the virtual token counter of
//   "Fairness in Serving Large Language Models", OSDI 2024). Credit is not saved up while idle.
// - Where cells run out, the youngest request of the most served workspace starts again later.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "inference/engine/sampler.h"
#include "inference/scheduler/aside.h"
#include "inference/scheduler/cells.h"
#include "inference/scheduler/fair_queue.h"

namespace acloud::inference {

struct SchedulerOptions {
  std::int32_t sequences = 8;
  std::int32_t cells = 16'384;    // as ModelInfo has it
  std::int32_t context = 2048;    // tokens of a sequence at most. REQUIRES: <= cells
  std::int32_t batch = 512;       // tokens of a step at most. REQUIRES: >= sequences
  std::int32_t chunk = 128;       // of prompts in a step beside sequences that speak
  std::size_t waiting = 10'000;   // requests in the queue at most
  bool reuse = true;              // prefixes: false where the engine can't cut a sequence short
  std::int32_t least_shared = 1;  // tokens of a prefix that is worth it; or half of the prompt
  std::int32_t keep_from = 0;     // what leaves memory is named from so many tokens on; 0: never
  std::int32_t aside = 0;         // tokens of all states together that are put aside; 0: none is
  std::int32_t aside_from = 32;   // and of each at least
};

// A state that is kept outside of the engine's memory, and begins as a request's prompt does.
struct Kept {
  std::uint64_t state = 0;      // its name
  std::int32_t tokens = 0;      // that it has in common with the prompt
  std::int32_t whole = 0;       // that it has. REQUIRES: >= tokens
  std::int32_t least_gain = 1;  // it is worth fetching where it spares so many tokens
};
struct Fetch {
  RequestId request;
  std::uint64_t state;
};

// A change of the engine's memory. `copy`: `to`, empty by then, takes the first `tokens` of `sequence`.
// `truncate`: `sequence` keeps its first `tokens`. `restore`: `sequence`, empty by then, takes the state of
// `tokens` that was fetched for `request`. `put_aside`: what `sequence` holds is saved as `aside`. `recall`:
// `sequence`, empty by then, takes that state, of `tokens`. `drop`: it goes.
struct Move {
  enum class Kind { copy, truncate, restore, put_aside, recall, drop };
  Kind kind;
  Sequence sequence;
  Sequence to = 0;
  std::int32_t tokens = 0;
  RequestId request = 0;
  Aside::Id aside = 0;
};

// What a sequence holds, or a state that was put aside (`aside` is not 0), and the step's moves take away.
struct Leaving {
  Sequence sequence;
  std::vector<Token> tokens;
  Aside::Id aside = 0;
};

// Tokens of one request, to be taken in by its sequence at `position`.
struct Work {
  RequestId request;
  Sequence sequence;
  std::int32_t position;
  std::vector<Token> tokens;
  bool samples;  // the next token is wanted
};

struct Admitted {
  RequestId request;
  std::int32_t cached;  // of its prompt, that need not be computed
};

struct Step {
  std::vector<Leaving> leaving;  // as it is before the moves
  std::vector<Move> moves;
  std::vector<Admitted> admitted;
  std::vector<Work> work;  // one a sequence; none where there are only moves
};

class Scheduler {
 public:
  // REQUIRES: as SchedulerOptions says.
  explicit Scheduler(const SchedulerOptions& options);

  // REQUIRES: an id that was never used. Errors: invalid_argument: an empty prompt, or one with no room in
  // the context for a token more; unavailable: too many wait.
  Result<> add(RequestId id, std::string workspace, std::vector<Token> prompt, std::optional<Kept> kept = {});
  // The request is never named again. What it has computed stays for others. Also between next() and taken();
  // not known: nothing happens.
  void end(RequestId id);

  // Nothing where there is nothing to do. REQUIRES: the last step was taken() or failed().
  std::optional<Step> next();
  // A restore or recall of the step under way was refused, and its sequence is empty: what it was for waits
  // again.
  void not_restored(Sequence sequence);
  // A state could not be put aside in the step under way, or not be taken in again: it is gone.
  void not_aside(Aside::Id id);
  // The last step was done.
  void taken();
  // It was not: the engine's sequences of its work hold what they did before, after the moves.
  void failed();
  // What the request says next. REQUIRES: its work wanted it, and was taken.
  void said(RequestId id, Token token);

  // A state that is to be fetched, said once. REQUIRES: fetched() follows, whatever became of it.
  std::optional<Fetch> wanted() { return std::exchange(wanted_, std::nullopt); }
  // It is here, or can't be had. False: nobody waits for it any more.
  bool fetched(RequestId id, bool here);
  // What is held and long enough to be kept, the last used first. REQUIRES: no step is under way.
  std::vector<Leaving> held() const;

  struct Stats {
    std::size_t waiting = 0;
    std::size_t running = 0;
    std::int32_t cells_used = 0;
    std::int32_t aside = 0;             // tokens of what was put aside
    std::uint64_t prompt_tokens = 0;    // of all admitted requests
    std::uint64_t cached_tokens = 0;    // of those
    std::uint64_t fetched_tokens = 0;   // of those
    std::uint64_t recalled_tokens = 0;  // of those, and not of the fetched
    std::uint64_t preempted = 0;
  };
  Stats stats() const;

 private:
  struct Request {
    std::string workspace;
    std::vector<Token> tokens;  // its prompt, and what it has said
    std::size_t prompt = 0;     // of these, the prompt
    std::int64_t order = 0;     // of its admission
    std::optional<Kept> kept = {};
    bool fetched = false;  // what is kept is here
  };
  struct Slot {
    std::optional<RequestId> request;
    std::vector<Token> held;            // what the engine's sequence holds
    std::uint64_t used = 0;             // when it last took something in, in steps
    bool speaks = false;                // all that its request has so far is held: the next token is awaited
    std::vector<Token> restoring = {};  // what it will hold when the step under way is done
    bool recalls = false;               // that comes from what was put aside
    std::size_t offered = 0;            // so many tokens of it were put aside while there was nothing to do
  };
  struct Prefix {
    Sequence from = -1;
    std::int32_t tokens = 0;
  };

  bool admit_one(Step& step);
  bool should_wait(const Request& request, std::int32_t available) const;
  bool awaits_fetch(RequestId id, Request& request, std::int32_t available);
  bool gains(const Request& request, std::int32_t available) const;
  Prefix best_prefix(const Request& request) const;
  Aside::Match best_aside(const Request& request) const;
  void place(RequestId id, Request& request, Step& step);
  std::int32_t place_in_memory(RequestId id, Request& request, Step& step);
  std::optional<std::int32_t> restore(RequestId id, Request& request, Step& step);
  std::optional<std::int32_t> recall(RequestId id, Request& request, Step& step);
  void take_in(Step& step, Sequence to, Move move, std::int32_t tokens, RequestId id);
  void settle_restores();
  bool can_be_put_aside(const Slot& slot) const;
  void put_aside(Step& step, Sequence sequence);
  void put_idle_aside(Step& step);
  void clear_idle(Step& step);
  Sequence free_place() const;
  void plan_work(Step& step);
  void plan(Step& step, Sequence sequence, std::int32_t tokens);
  bool make_room(Step& step, std::int32_t tokens);
  bool evict(Step& step);
  void preempt(Step& step);
  std::optional<Sequence> youngest() const;
  void truncate(Step& step, Sequence sequence, std::int32_t keep);
  void forget(Step& step, Sequence sequence, std::int32_t keep);
  std::int32_t left(const Slot& slot) const;

  const SchedulerOptions options_;
  std::vector<Slot> slots_;
  Cells cells_;
  Aside aside_;
  FairQueue queue_;
  std::map<RequestId, Request> requests_;
  std::vector<Work> last_;  // the work of the step that is under way
  std::optional<Fetch> wanted_;
  std::optional<RequestId> fetching_;  // whose state is on its way, or is here and not taken in yet
  std::uint64_t steps_ = 0;
  std::int64_t admissions_ = 0;
  Stats stats_;
};

}  // namespace acloud::inference
