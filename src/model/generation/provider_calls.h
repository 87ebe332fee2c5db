// The requests to providers that a generation takes.
#pragma once

#include "model/generation/dialect.h"
#include "model/route_table.h"
#include "model/upstreams.h"

namespace acloud::model::generation {

// A reply of success, as JSON. Errors: as the provider has it; unavailable, deadline_exceeded: nothing that
// can be read came in time.
Task<Result<Json>> ask(Upstreams& upstreams, const Provider& provider, Ask what);
// True for errors of ask() after which it is certain that the provider has not begun anything: it was not
// reached, or said no.
bool is_refusal(const Error& error);
// Of these: asking again later may help.
bool may_pass(const Error& error);

struct Fetched {
  std::string content_type;
  net::Body body;  // fails with too_large where there is more of it than the provider's results may have
};
// A file of a result. No key is sent. Errors: invalid_argument: not an address to fetch from; not_found and
// so on, as the server there has it; too_large.
Task<Result<Fetched>> fetch(Upstreams& upstreams, const Provider& provider, std::string url);

// How long a fetch may take.
async::Deadline by_total_time(const Provider& provider);

}  // namespace acloud::model::generation
