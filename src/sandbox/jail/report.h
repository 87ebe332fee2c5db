// What this kernel and these privileges can enforce, found out by trying, as data for `acloud doctor` and
// `sandbox.get`. A jail is made with whatever there is: what is missing is said here, never hidden.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace acloud::sandbox::jail {

struct Feature {
  std::string name;  // "memory", "freeze", "seccomp", ...: a fixed set, listed in README.md
  bool enforced;     // false: there is no such wall or limit here
  std::string how;   // by what, or why not and what to do: "cgroup v1 memory"
};

struct Report {
  bool available = false;  // false: no jail can be made here; `problem` says why
  std::string problem;
  std::string kind = "jail";  // or the runtime that makes them: "oci:crun (crun version 1.8.1)"
  bool privileged = false;    // made by root: each jail has a uid range of its own
  bool one_user = true;       // not privileged: only uid 0 exists inside, and it is the server's user outside
  std::vector<Feature> features;

  // Null where there is no feature of that name.
  const Feature* find(std::string_view name) const;
  bool enforces(std::string_view name) const;
};

void to_json(nlohmann::json& json, const Report& report);
void from_json(const nlohmann::json& json, Report& report);  // throws nlohmann::json::exception

}  // namespace acloud::sandbox::jail
