// From init's copy to the program: everything that happens between clone and exec.
#pragma once

#include <string>

#include "base/error.h"
#include "sandbox/jail/kernel/seccomp.h"
#include "sandbox/jail/spec.h"

namespace acloud::sandbox::jail {

struct Launch {
  const Command* command = nullptr;
  int input = -1, output = -1, error = -1;  // become 0, 1 and 2; -1: /dev/null
  bool controlling_terminal = false;        // `input` is a terminal to be ours
  int user_namespace = -1;                  // to be entered; -1: the caller's own is the one
  int proc = -1;                            // a /proc that may be written, where there is one to be entered
  bool has_groups = true;
  const Limits* limits = nullptr;
  const Filter* filter = nullptr;
};

// Gives init, once, what is the same for all programs: they inherit their resource limits, and that no signal
// but SIGPIPE is ignored.
Result<> prepare_to_launch();
// Returns only on failure. REQUIRES: prepare_to_launch() in init. Errors: those of Jail::exec.
Error launch(const Launch& launch);

}  // namespace acloud::sandbox::jail
