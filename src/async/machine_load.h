// Whether the machine has processors to spare.
#pragma once

namespace acloud::async {

// More threads run, or are ready to, than there are processors. True where the system doesn't say
// (/proc/loadavg). A system call of a microsecond or two; any thread.
bool processors_are_wanted();

}  // namespace acloud::async
