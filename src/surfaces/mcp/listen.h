// Streams of changes: subscriptions/listen, and the stream that a session's client opens with GET.
#pragma once

#include <set>

#include "net/http.h"
#include "surfaces/mcp/changes.h"
#include "surfaces/mcp/offer.h"
#include "surfaces/mcp/sessions.h"

namespace acloud::surfaces::mcp {

// What a client of subscriptions/listen hears of.
struct Filter {
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  std::set<std::string> uris;

  bool wants(const Change& change) const;
  bool empty() const { return !tools && !prompts && !resources && uris.empty(); }
};

// What is listened to, and by whom. The references outlive the response.
struct Source {
  Changes& changes;
  Offer& offer;
  kernel::Caller caller;
};

// What `params.notifications` asks for, as far as the offer changes at all. Errors: invalid_params.
Rpc<Filter> read_filter(const Json& params, const Capabilities& capabilities);
// Acknowledges, then tells of each change until the client goes away; ends at once where there is nothing to
// tell. `id` is the request's, as JSON text.
net::Response listen_stand_alone(Source source, std::string id, Filter filter, std::string server);
net::Response listen_in_session(Source source, std::shared_ptr<Session> session);

void add_event_stream(net::Headers& headers);

}  // namespace acloud::surfaces::mcp
