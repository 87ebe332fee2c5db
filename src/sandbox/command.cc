#include "sandbox/command.h"

#include "sandbox/egress/gates.h"
#include "sandbox/files.h"

namespace acloud::sandbox {

jail::Command base_command(const Record& record, std::map<std::string, std::string> env, std::string cwd) {
  jail::Command command;
  command.cwd = absolute_path(std::move(cwd));
  env.insert(record.env.begin(), record.env.end());  // keeps what the request says
  env.insert({{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
              {"HOME", std::string(kHome)},
              {"USER", "root"},
              {"LOGNAME", "root"},
              {"SHELL", "/bin/bash"},
              {"LANG", "C.UTF-8"}});
  env.merge(egress_environment(record.egress));
  command.env.assign(env.begin(), env.end());
  return command;
}

std::vector<std::pair<std::string, std::string>> plain_environment() {
  return base_command({}, {}, std::string(kHome)).env;
}

}  // namespace acloud::sandbox
