// A jail is a set of processes that the kernel keeps by themselves: own user, mount, pid, network, ipc,
// uts, cgroup and time namespaces, an own root on a disk of limited size, limits, no privileges. It knows
// nothing of sandboxes as users see them; src/sandbox makes those from it.
//
// Three programs take part. The *server* (this header) never forks: it is large and has threads, so a fork
// would be slow and unsafe. It starts one *spawner*, small and single-threaded, that makes and destroys
// jails and holds whatever privileges there are. In each jail runs an *init*, our own pid 1, which starts
// programs, reaps them and reports. Server, spawner and init speak over unix sockets that nobody inside can
// see. Init belongs to a user that does not exist inside and holds no capability, so nothing inside can
// signal, trace or read it, and whoever took it over would have gained nothing.
//
// A jail outlives a killed server: init keeps the streams of running programs open, and waits
// `orphan_grace` for a new server to attach. Everything that a jail is made of hangs on its init (mounts,
// namespaces, its loop device and disk image, which has no name), so that the kernel itself removes them
// with it; only its folder and its cgroups have names, and survivors() finds them by these.
//
// Threads: a Host may be used from every thread. A Jail and its Processes may be used from every event
// loop, each object by one task at a time. No call waits on the kernel for longer than a system call takes,
// but those marked (blocks), which are for startup or a BlockingPool.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/wait.h"
#include "base/error.h"
#include "sandbox/jail/fd.h"
#include "sandbox/jail/report.h"
#include "sandbox/jail/spec.h"

namespace acloud::sandbox::jail {

// A running program. Destroying it forgets the program (its end is no longer kept for anyone), but does
// not end it: use signal(SIGKILL, Scope::tree). signal() may be called beside everything else.
class Process {
 public:
  ~Process();
  int pid() const;  // inside the jail
  const Command& command() const;

  // The server's ends, empty where the command has none of that kind: hand them to net::adopt. With a pty,
  // `pty` alone is there; set its size with TIOCSWINSZ. A program whose output nobody reads waits.
  Fd input, output, error, pty;

  // What is destroyed after this is not forgotten: a later server finds it, as if this one had been killed.
  void leave();
  // Errors: not_found (it has ended); unavailable (the jail has gone).
  Result<> signal(int number, Scope scope = Scope::process);
  // Closes standard input, also in init's keeping, so that the program reads the end.
  Result<> close_input();
  // Waits for its end; background programs that it started may go on, and may hold its output open.
  // Errors: unavailable (the jail has gone with it), cancelled.
  Task<Result<Exit>> wait();

 private:
  friend class Jail;
  struct State;
  explicit Process(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A jail that is there. Destroying the object lets go of it, nothing more; Host::destroy ends the jail.
class Jail {
 public:
  ~Jail();
  const std::string& id() const;
  const Limits& limits() const;

  // The jail's root folder, O_PATH; null while it rests. For files inside use openat2 on it with
  // RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, and O_NONBLOCK | O_NOCTTY on what may be a pipe or a device.
  // Whoever makes or changes something has to be a user of the jail on file systems meanwhile (setfsuid and
  // setfsgid to host_id()): the disk has no number for anybody else, and refuses him with EOVERFLOW.
  std::shared_ptr<const Fd> root() const;
  // What was written into the root, O_PATH, as overlayfs keeps it: files, whiteouts and opaque folders, with
  // the host's numbers for their owners. To be read alone, step by step without following links. Errors:
  // precondition_failed (the jail does not have it to give).
  Result<Fd> written() const;
  // The host's number for a user or group of the jail, and back (65,534, nobody, for those of others).
  std::uint32_t host_id(std::uint32_t inside) const;
  std::uint32_t inside_id(std::uint32_t host) const;
  // How many users there are inside, from 0 on.
  std::uint32_t id_count() const;

  // Starts a program, which reads `input` where there is one in place of a pipe. Errors: invalid_argument
  // (not executable, no such user); not_found (program, folder); too_large (the command); unavailable (limits
  // reached inside, frozen for too long, gone); deadline_exceeded, after which the program, if it started, is
  // killed.
  Task<Result<std::unique_ptr<Process>>> exec(Command command, async::Deadline by, Fd input = {});
  // After attach(): the programs that the last server left running, and those that ended meanwhile.
  std::vector<std::unique_ptr<Process>> take_processes();

  // A socket that listens on 127.0.0.1:`port` of the jail (0: any free one), and one that is being
  // connected to it, non-blocking. Errors: conflict (in use); unavailable.
  Task<Result<Fd>> listen(std::uint16_t port, async::Deadline by);
  Task<Result<Fd>> connect(std::uint16_t port, async::Deadline by);

  // Freezes all processes in memory, or thaws them: both are done when this returns, and may be repeated.
  // Errors: precondition_failed (no cgroup freezer here); deadline_exceeded (frozen in part: thaw it).
  Task<Result<>> freeze(async::Deadline by);
  Task<Result<>> thaw(async::Deadline by);
  // A frozen jail that rests takes one descriptor in place of four, beside those of its Processes, which stay
  // as they are; thaw() ends that. A frozen one that attach() has found rests. Without root's rights this
  // does nothing.
  void rest();
  // Kills all programs, with all that they started, and returns when they are dead; of those of exec(),
  // wait() tells as ever. May be done to a frozen jail. Errors: precondition_failed (no cgroup v2 here);
  // deadline_exceeded.
  Task<Result<>> end_programs(async::Deadline by);
  // All limits but those of the disk and of open files, which stay as they were.
  Task<Result<>> set_limits(const Limits& limits, async::Deadline by);
  // What the machine can't count stays 0. Takes about 0.1 ms. Errors: unavailable (gone).
  Result<Stats> stats() const;

  // Returns when the jail has ended, on its own (init was killed, or the grace passed) or by destroy().
  // Its folder and cgroups stay until destroy(). Errors: cancelled.
  Task<Result<>> ended();

 private:
  friend class Host;
  struct State;
  explicit Jail(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Host {
 public:
  struct Options {
    std::string folder;     // for the jails' sockets and disks; made where missing. One Host at a time
    unsigned prepared = 8;  // jails of the usual kind kept ready, about 0.4 MiB each
    bool as_root =
        true;  // false: root's privileges are given up: jails are made as nobody, who gets the folder
    std::string
        runtime;  // the program of an OCI runtime that makes them, such as "crun"; "": they are our own
  };

  // (blocks, up to some 100 ms the first time.) Starts the spawner. Errors: conflict (another Host has the
  // folder); unavailable where the spawner can't run. Succeeds where no jail can be made: see report().
  static Result<std::unique_ptr<Host>> start(Options options);
  ~Host();  // ends the spawner; jails go on

  const Report& report() const;

  // Errors: invalid_argument (in the spec, naming the field); conflict (the id is in use); not_found (a
  // layer or a bind's source); unavailable (the machine is out of something); precondition_failed (no jail
  // can be made here); deadline_exceeded. After an error nothing of the jail is left.
  Task<Result<std::unique_ptr<Jail>>> create(Spec spec, async::Deadline by);

  // The ids of the jails in the folder: those of an earlier server and of this one. Some may be dead.
  Result<std::vector<std::string>> survivors() const;
  // Takes over a jail of an earlier server; works on a frozen one, too, whose programs are then known
  // after thaw(). Errors: not_found (there is none, or it has died: destroy it); internal (there is something
  // else: the same); unavailable, deadline_exceeded (it may be well).
  Task<Result<std::unique_ptr<Jail>>> attach(std::string id, async::Deadline by);

  // Kills whatever runs in it and frees its id, whatever state it is in; all else that it was made of goes a
  // moment after the return, also where the server is killed meanwhile. Succeeds where
  // there is no such jail. Errors: unavailable, deadline_exceeded: try again.
  Task<Result<>> destroy(std::string id, async::Deadline by);

 private:
  struct State;
  explicit Host(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace acloud::sandbox::jail
