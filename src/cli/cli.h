// The client side of the `acloud` command: everything but what main.cc adds, such as `serve`.
//
// It knows no product but tasks, whose run a person wants to watch (task_command.h). What can be called, with
// which fields, and how that is explained comes from the server's catalog; here is only how a command line
// becomes a request, and a reply becomes text.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cli/world.h"

namespace acloud::cli {

// A command that the program does itself: `serve`, `audit verify`. It gets the words after its name and
// returns the exit code.
struct LocalCommand {
  std::string name;
  std::string summary;
  std::function<int(std::span<const std::string> words)> run;
};

// Does what the words of a command line say (without the program's name) and returns the exit code: 0 done,
// 1 the call failed, 2 wrong usage, 3 not reachable, 4 not authenticated, 5 denied, 130 interrupted.
int run(std::span<const std::string> words, const World& world, const std::vector<LocalCommand>& local = {});

}  // namespace acloud::cli
