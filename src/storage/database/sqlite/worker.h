// The worker's side: a process that runs SQL for the server and can reach the databases' folder alone.
#pragma once

#include <span>
#include <string>

namespace acloud::storage::sqlite {

// Serves frames on descriptor 0 until the other end closes it. `words`: the folder. The exit code.
int worker_main(std::span<const std::string> words);

}  // namespace acloud::storage::sqlite
