// A program that init started, until the server has forgotten it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "sandbox/jail/fd.h"
#include "sandbox/jail/protocol.h"

namespace acloud::sandbox::jail {

struct Program {
  Command command;
  Fd socket;          // to the server; empty while nobody is attached
  Fd status;          // until exec has happened, or failed; the server has it too and is told by it
  pid_t pid = -1;     // until it is reaped
  pid_t number = -1;  // the same, for good
  std::string group;  // of v2, below the jail's; empty where there is none
  std::optional<Exit> exit;
  bool forgotten = false;
  // The server's ends of the streams, so that a program doesn't see them close when the server dies.
  Fd input, output, error, pty;
};

}  // namespace acloud::sandbox::jail
