// The system calls that a jail may make: an allow-list, so that what a future kernel adds is refused until
// somebody has thought about it.
//
// There are two filters. `jail` is loaded once, by init, for itself and all that it starts; it holds the
// list. `program` takes away what init needs and programs must not have (setns, clone3), and is loaded for
// each program; it is a few instructions long, since the kernel compiles it anew every time.
//
// What is refused gives EPERM; ENOSYS where programs probe for a newer call and fall back (clone3, and
// everything newer than this list).
#pragma once

#include <linux/filter.h>

#include <vector>

#include "base/error.h"

namespace acloud::sandbox::jail {

using Filter = std::vector<sock_filter>;

struct Filters {
  std::vector<Filter> jail;
  Filter program;
};

Result<Filters> make_filters();
// For the calling thread and what it starts. REQUIRES: no_new_privs is set.
Result<> load_filter(const Filter& filter);

}  // namespace acloud::sandbox::jail
