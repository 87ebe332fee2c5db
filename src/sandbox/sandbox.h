// One sandbox: a jail, what is remembered of it, and what state it is in.
//
// Calls work in it through a Use: while there is one the sandbox is not idle, and nobody pauses it but by
// request. A paused one wakes when a program is to be started or a file is wanted. Whoever claims its end is
// alone in ending it; for all others it is not found from then on.
//
// Thread-safe. Shared by the index and the calls that work in it, whichever goes last.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "sandbox/code/contexts.h"
#include "sandbox/egress/gates.h"
#include "sandbox/images/importer.h"
#include "sandbox/jail/jail.h"
#include "sandbox/life.h"
#include "sandbox/lock.h"
#include "sandbox/program.h"
#include "sandbox/record.h"

namespace acloud::sandbox {

class Sandbox {
 public:
  // Sees to it that Program::run() runs.
  using LookAfter = std::function<void(std::shared_ptr<Program>)>;
  static constexpr std::size_t kProgramsMost = 128;  // that run beside calls
  static constexpr std::size_t kEndedMost = 32;      // whose end is remembered

  // What all sandboxes share; outlives them.
  struct Shared {
    const RecordFolder& records;
    const Outside& outside;
    Clock& clock;
    LookAfter look_after;
  };
  // `layers`: those that it stands on, kept as long as it is there; null where it stands on none.
  Sandbox(Record record, std::unique_ptr<jail::Jail> jail, images::Layers::Held layers, Shared shared);
  // Programs whose calls may be made again are left to a later server.
  ~Sandbox();

  const std::string& id() const { return id_; }
  const std::string& workspace() const { return workspace_; }
  // The name of the call that made it; "" for none.
  const std::string& once() const { return once_; }
  // Whose resource it is; "" for no task's.
  const std::string& task() const { return task_; }
  Record record() const;
  Life life(bool can_pause) const;

  // Starts a program, waking the sandbox where it is paused. Errors: as Jail::exec; not_found (it has ended).
  Task<Result<std::unique_ptr<jail::Process>>> start(jail::Command command, async::Deadline by,
                                                     jail::Fd input = {});
  // A socket that listens on a port of the sandbox (0: any), or is being connected to one. Errors: as those
  // of Jail; not_found.
  Task<Result<jail::Fd>> listen(std::uint16_t port, async::Deadline by);
  Task<Result<jail::Fd>> connect(std::uint16_t port, async::Deadline by);
  code::Contexts& contexts() { return contexts_; }
  // Writes the record anew. Errors: not_found; those of RecordFolder::write, after which it is as it was.
  Result<> set_life(std::optional<Time> deadline, std::optional<std::chrono::seconds> idle_timeout);
  // Opens and closes the ways out; the record is written anew. Errors: as Gates::set, after which it is as it
  // was; not_found.
  Task<Result<>> set_egress(Egress egress, async::Deadline by);
  // Opens those that the record has; does nothing in a paused one, whose thaw does it.
  Task<Result<>> open_gates(async::Deadline by);
  struct Started {
    std::shared_ptr<Program> program;
    std::unique_ptr<OutputLog::Reader> output;  // from its first byte on
    bool found = false;                         // the call had started it before
  };
  // Starts one that runs whether or not a call waits for it, or finds the one that the call of this name has
  // started. Errors: as start(); precondition_failed (there are kProgramsMost).
  Task<Result<Started>> start_program(jail::Command command, Label label, async::Deadline by,
                                      jail::Fd input = {});
  // What came of a program is on disk, and nobody asks for it any more.
  void forget(std::int64_t pid);
  // Null where there is none.
  std::shared_ptr<Program> find_program(std::int64_t pid) const;
  // By their numbers.
  std::vector<std::shared_ptr<Program>> programs() const;
  // Freezes it in memory, or kills its programs and keeps its files alone; one that is kept in memory can be
  // made to keep its files alone. Errors: as Jail::freeze and end_programs; not_found.
  Task<Result<>> pause(Kept keep, async::Deadline by);
  // The same, unless somebody has begun to use it.
  Task<Result<>> pause_idle(async::Deadline by);
  Task<Result<>> wake(async::Deadline by);
  // What was written in it, as a layer. Frozen meanwhile where it can be, so that it is of one moment.
  // Errors: not_found; those of Importer.
  Task<Result<images::Imported>> copy_files(images::Importer& importer, async::BlockingPool& blocking,
                                            bool can_pause, async::Deadline by);
  Task<Result<jail::Stats>> stats(async::Deadline by);
  // Until its jail has ended, by whatever. Errors: cancelled.
  Task<Result<>> ended();

  // For files: the jail's root, and the host's number of a user inside, and back.
  // Wakes it. Whoever has the descriptor may go on with it, also where it is paused or ended meanwhile.
  // Errors: as wake().
  Task<Result<std::shared_ptr<const jail::Fd>>> root(async::Deadline by);
  std::uint32_t host_id(std::uint32_t inside) const { return jail_->host_id(inside); }
  std::uint32_t inside_id(std::uint32_t host) const { return jail_->inside_id(host); }

  // True for the first who asks, who then has to end it; give_back_end() where that failed.
  bool claim_end() { return !ending_.exchange(true); }
  void give_back_end() { ending_ = false; }
  bool ending() const { return ending_; }

  // Takes over what an earlier server had started. What it ran for a call is ended: nobody is left who could
  // hear of it.
  void take_over();

 private:
  friend class Use;
  void begin_use();
  void end_use();
  Result<> check_there() const;
  Result<> note_paused(bool paused, Kept kept = Kept::memory);
  Result<> note_egress(const Egress& egress);
  Task<Result<>> freeze(Kept keep, async::Deadline by);  // these three: REQUIRE the lock
  Task<Result<>> freeze_and_rest(Kept keep, async::Deadline by);
  Task<Result<>> thaw(async::Deadline by);
  void add(std::shared_ptr<Program> program);
  Result<std::unique_ptr<CallOutput>> output_for(const Label& label) const;

  const std::string id_, workspace_, once_, task_;
  const images::Layers::Held layers_;  // go after the jail
  const std::unique_ptr<jail::Jail> jail_;
  const RecordFolder& records_;
  Clock& clock_;
  const LookAfter look_after_;
  std::atomic<bool> ending_{false};
  Lock lock_;  // of the jail, which one task at a time may use, and of the next
  Gates gates_;

  mutable std::mutex mutex_;  // of what follows
  Record record_;
  unsigned users_ = 0;
  std::map<std::int64_t, std::shared_ptr<Program>> programs_;  // shared with calls that follow them
  Instant idle_since_;

  code::Contexts contexts_;  // last: its interpreters' ends go before the jail
};

// Keeps a sandbox from being idle, and there.
class Use {
 public:
  explicit Use(std::shared_ptr<Sandbox> sandbox) : sandbox_(std::move(sandbox)) { sandbox_->begin_use(); }
  Use(Use&& other) noexcept = default;
  Use& operator=(Use&&) = delete;
  ~Use() {
    if (sandbox_) sandbox_->end_use();
  }
  Sandbox& operator*() const { return *sandbox_; }
  Sandbox* operator->() const { return sandbox_.get(); }

 private:
  std::shared_ptr<Sandbox> sandbox_;
};

}  // namespace acloud::sandbox
