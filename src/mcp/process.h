// A program that is started beside the server and spoken to over its standard input and output.
//
// It is the leader of a process group of its own, so that what it starts ends with it; it has none of the
// server's descriptors, signals' masks and environment; and it is killed when the server is, however that
// ends. Belongs to one event loop.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/socket.h"

namespace acloud::mcp {

struct Command {
  std::string program;  // a path, or a name that is looked for in PATH
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;  // the whole of it
  std::string folder;                              // "": the server's own
};

// What a program may see of the server's environment: PATH, HOME, the language and the like.
std::map<std::string, std::string> basic_environment();

class ChildProcess {
 public:
  // Errors: not_found (no such program or folder), permission_denied, unavailable.
  static Result<std::unique_ptr<ChildProcess>> start(const Command& command);
  // Kills what is left of it and its group.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  net::ByteStream& input() { return *input_; }
  net::ByteStream& output() { return *output_; }
  net::ByteStream& errors() { return *errors_; }
  // When it has ended, says how: "ended with code 1", "was killed by signal 9". Errors: cancelled.
  Task<Result<std::string>> wait();
  // Closes its input, which tells it to end; then, each after `grace`, asks by signal, and kills.
  Task<> end(std::chrono::milliseconds grace);

 private:
  ChildProcess() = default;
  void signal_group(int signal) const;
  bool reap();

  pid_t pid_ = -1;
  int handle_ = -1;  // a pidfd
  bool reaped_ = false;
  std::string how_;
  std::unique_ptr<net::ByteStream> input_, output_, errors_;
};

}  // namespace acloud::mcp
