// What the server's objects hold. Not for users of jail.h.
#pragma once

#include <atomic>
#include <mutex>

#include "sandbox/jail/jail.h"
#include "sandbox/jail/kernel/cgroup.h"
#include "sandbox/jail/protocol.h"

namespace acloud::sandbox::jail {

struct Process::State {
  Command command;
  int pid = 0;
  Fd socket;  // to init, of this program alone
  std::optional<Exit> exit;
  std::atomic<bool> ended{false};  // exit is there
  bool left = false;               // for a later server
};

// The spawner's socket, which a Host and its jails share: whichever goes last closes it.
class SpawnerLink {
 public:
  explicit SpawnerLink(Fd socket) : socket_(std::move(socket)) {}
  // Sends a request that is answered on the socket that this gives, waiting while the spawner is busy.
  // Errors: unavailable (it is gone), deadline_exceeded, cancelled.
  Task<Result<Fd>> ask(std::string bytes, async::Deadline by) const;
  // Hands over descriptors, at once or not at all.
  void tell(std::string_view bytes, std::span<const int> fds) const { (void)send(socket_.get(), bytes, fds); }
  // Ends the spawner, whoever else still shares the socket.
  void shut_down() const;
  // One that is answered by Done.
  Task<Result<>> order(Order order, async::Deadline by) const;

 private:
  Fd socket_;
};

struct Jail::State {
  std::string id;
  std::string folder;
  std::string group;  // its cgroups' name
  Limits limits;
  std::uint32_t first_id = 0;
  std::uint32_t id_count = 1;  // how many users there are inside
  std::shared_ptr<const Fd> root;
  Fd control, written;  // these three are not there while it rests
  Fd init;
  Cgroups cgroups;
  std::shared_ptr<const SpawnerLink> spawner;  // shared with the Host, which may go first
  bool list_pending = false;                   // attached while frozen: init has yet to name its programs
  std::vector<std::unique_ptr<Process>> kept;

  // Lets the spawner free what may be the last of the jail's disk.
  ~State();

  // Receives the programs that an earlier server has left.
  Task<Result<>> receive_list();
  // Ends rest(). Errors: not_found (it has ended); unavailable; internal.
  Result<> hold();
  // Asks init for a socket on a port.
  Task<Result<Fd>> port(Port request, async::Deadline by);
};

struct Host::State {
  std::string folder;  // canonical
  Report report;
  Cgroups cgroups;
  std::shared_ptr<const SpawnerLink> spawner;
  pid_t pid = -1;

  std::string jail_folder(const std::string& id) const { return folder + "/jails/" + id; }
  Task<Result<std::unique_ptr<Jail>>> hear_from_new(Spec spec, Fd control);
};

}  // namespace acloud::sandbox::jail
