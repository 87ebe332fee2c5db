// What a command sees of the world around it, so that tests can be that world.
#pragma once

#include <iosfwd>
#include <map>
#include <string>

#include "base/clock.h"

namespace acloud::cli {

struct World {
  int in = 0;  // standard input
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::map<std::string, std::string> environment;
  std::string data_folder;  // where a server of this machine would keep its root key
  std::string version;      // of this program
  int interrupt = -1;       // readable once the person wants to stop; -1 where nobody can say so
  const Clock* clock = nullptr;

  // "" where it is not set.
  std::string variable(const std::string& name) const;
  // $VARIABLE/acloud, else ~/FALLBACK/acloud; "" where neither is known.
  std::string folder(const std::string& variable, const std::string& fallback) const;
};

// The process's own: standard streams, environment, Ctrl-C. A second Ctrl-C ends the process at once.
World world_of_process(const Clock& clock, std::string data_folder, std::string version);

}  // namespace acloud::cli
