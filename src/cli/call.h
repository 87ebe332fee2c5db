// One call of an operation, and its result on standard output.
#pragma once

#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/server.h"

namespace acloud::cli {

// A reply, the events of a stream, or with --all the items of every page.
// Errors: the operation's, and those of Server::post.
Task<Outcome<>> call_operation(Server& server, const Operation& operation, Request request,
                               const Options& options, const World& world);

}  // namespace acloud::cli
