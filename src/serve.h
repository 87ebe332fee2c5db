// `acloud serve`: the server, from its flags to its last commit.
#pragma once

#include <span>
#include <string>

namespace acloud {

// `words` are those after "serve". The exit code: 0 stopped as asked, 1 failed, 2 wrong usage, 3 the data
// folder is held by another server.
int serve(std::span<const std::string> words);

}  // namespace acloud
