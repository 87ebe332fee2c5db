// Time zones by their names in the tz database, such as "Europe/Oslo", as the machine has it (tzdata).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/clock.h"

namespace acloud::task::schedule {

// A reading of the wall clock, which may come twice in a zone, or never.
using LocalSeconds = std::chrono::local_time<std::chrono::seconds>;

class Zone {
 public:
  // Errors: invalid_argument: no such zone.
  static Result<Zone> find(const std::string& name);

  LocalSeconds to_local(Time time) const;

  // When the wall clock shows `local`: once, twice, or, where it is put forward over it, never: then the
  // moment at which it is.
  struct Moments {
    Time first{};
    std::optional<Time> second;
    bool skipped = false;
  };
  Moments moments_of(LocalSeconds local) const;

 private:
  struct Data;
  explicit Zone(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;  // shared by copies of the zone
};

}  // namespace acloud::task::schedule
