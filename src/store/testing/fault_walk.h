// Walks a scenario through every call that it makes of the disk: for each kind of fault, for each call, the
// scenario is run anew with that fault at that call, and its promise is checked on what is left.
//
// The walk goes on until a run ends before its fault comes, so it needs no count of the calls and can't stop
// short of a path that only a fault opens. After a crash, and also after a run that outlived its fault, the
// promise is checked on several reboots.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "store/testing/simulated_disk.h"

namespace acloud::store::testing {

template <class Acknowledged>
struct Scenario {
  // The disk before the faults; may be empty.
  std::function<void(SimulatedDisk&)> prepare;
  // Does the work, whatever fails in it, and says what it was promised.
  std::function<Acknowledged(SimulatedDisk&)> run;
  // Opens what is there and says how the promise is broken; "" where it is kept.
  std::function<std::string(SimulatedDisk&, const Acknowledged&)> check;
};

struct WalkReport {
  std::uint64_t runs = 0;
  std::uint64_t checks = 0;
  std::uint64_t calls = 0;          // of the longest run
  std::vector<std::string> broken;  // "crash at call 17, reboot 3: ..."
};

inline constexpr Fault kAllFaults[] = {Fault::io_error, Fault::full, Fault::torn, Fault::late, Fault::crash};

template <class Acknowledged>
WalkReport walk_faults(const Scenario<Acknowledged>& scenario, std::uint64_t reboots = 4) {
  WalkReport report;
  for (const Fault fault : kAllFaults) {
    for (std::uint64_t call = 1;; ++call) {
      SimulatedDisk disk;
      if (scenario.prepare) scenario.prepare(disk);
      disk.plant(fault, call);
      const Acknowledged acknowledged = scenario.run(disk);
      const bool struck = disk.struck();
      disk.plant(Fault::none, 1);
      ++report.runs;
      report.calls = std::max(report.calls, call);
      const auto check = [&](SimulatedDisk& left, std::string_view when) {
        ++report.checks;
        const std::string complaint = scenario.check(left, acknowledged);
        if (complaint.empty()) return;
        report.broken.push_back(fmt::format("{} at call {}, {}: {}", name(fault), call, when, complaint));
      };
      for (std::uint64_t seed = 0; seed < reboots; ++seed) {
        const auto rebooted = disk.after_crash(call * reboots + seed);
        check(*rebooted, fmt::format("reboot {}", seed));
      }
      if (fault != Fault::crash) check(disk, "reopened");
      if (!struck) break;
    }
  }
  return report;
}

// Whether `scenario.check` finds what is lost on a disk that lies about its syncs. Where it does not, it
// would not find a missing sync either, and the walk proves nothing.
template <class Acknowledged>
bool notices_lost_syncs(const Scenario<Acknowledged>& scenario) {
  SimulatedDisk disk;
  if (scenario.prepare) scenario.prepare(disk);
  disk.lie_about_syncs();
  const Acknowledged acknowledged = scenario.run(disk);
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    if (!scenario.check(*disk.after_crash(seed), acknowledged).empty()) return true;
  }
  return false;
}

}  // namespace acloud::store::testing
