// Sandboxes whose Python has been started ahead: the first run_code of whoever gets one waits for no
// interpreter. Each is a jail of the usual kind, as spare ones are, in which Python's driver waits for its
// first cell with the environment of a sandbox that was given none: nobody else has ever run anything in it.
//
// Whether a new sandbox will run code nobody knows when it is made, so each that it suits gets one as long as
// there are any. They are made anew at once where code is run lately, and else only when no sandbox has been
// made for a while: those who never run code don't pay for an interpreter with each sandbox. How many are
// kept is decided as for spare jails (jail/spawner/pool.h), from how often the first run_code of a sandbox
// comes; before the first sandbox there is none.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "async/channel.h"
#include "sandbox/code/interpreter.h"
#include "sandbox/jail/jail.h"
#include "sandbox/jail/spawner/pool.h"

namespace acloud::sandbox::code {

// What is known of who wants them. Instants are of the machine's steady clock.
struct ZygoteDemand {
  jail::Demand code;                  // first run_codes of sandboxes
  bool used = false;                  // a sandbox has been made
  jail::Demand::Instant last_made{};  // the last one
};
// Each takes some 9 MiB, most of it Python's.
constexpr jail::PoolBounds kZygotes{.least = 1, .most = 16};
constexpr std::chrono::milliseconds kQuiet{250};

struct ZygotePlan {
  std::size_t kept = 0;  // so many are to be there
  bool now = false;      // those that are missing are made now, not only after a while
};
// REQUIRES: now is not before what `demand` knows of.
ZygotePlan plan(const ZygoteDemand& demand, jail::Demand::Instant now);

struct Zygote {
  std::unique_ptr<jail::Jail> jail;
  std::unique_ptr<Interpreter> python;  // goes before its jail
};

// Thread-safe but for keep() and end(), which are the loop's that made it.
class Zygotes {
 public:
  using Make = std::function<Task<Result<Zygote>>()>;
  using End = std::function<Task<>(std::string id)>;
  Zygotes(Make make, End end) : make_(std::move(make)), end_(std::move(end)) {}

  // One whose Python still answers, or nothing.
  std::optional<Zygote> take();
  // Somebody has made a sandbox; somebody has run the first code in one.
  void note_sandbox();
  void note_code();
  // What is wanted may have changed with time.
  void look() { (void)bell_.try_send(Bell{}); }
  // Keeps as many as are wanted until it is cancelled.
  Task<> keep();
  // Ends them all.
  Task<> end();

 private:
  struct Bell {};
  std::size_t stock() const;
  ZygotePlan plan_now() const;
  Task<> end_one();

  const Make make_;
  const End end_;
  async::Channel<Bell> bell_{1};

  mutable std::mutex mutex_;  // of what follows
  std::deque<Zygote> stock_;
  ZygoteDemand demand_;
};

}  // namespace acloud::sandbox::code
