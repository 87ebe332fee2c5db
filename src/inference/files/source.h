// Where a model file is fetched from: a file of this machine, or a web server.
#pragma once

#include <string>

#include "async/wait.h"
#include "net/http.h"

namespace acloud::inference {

// A source that has been opened.
struct Opened {
  net::Body bytes;
  std::int64_t begins = 0;           // what comes first is the source's byte of this number
  std::optional<std::int64_t> size;  // of the whole, where it is known
};

// `from` is "/path", or an address of http or https; redirects are followed, five at most. What is given
// begins at byte `offset` where the source can do so, else at its first.
// Errors: not_found; invalid_argument (neither path nor address, no plain file, or a redirect that leads
// nowhere); unavailable, deadline_exceeded: the server did not answer, or said no.
Task<Result<Opened>> open_source(async::BlockingPool& pool, std::string from, std::int64_t offset);

}  // namespace acloud::inference
