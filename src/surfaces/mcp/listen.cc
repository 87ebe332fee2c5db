#include "surfaces/mcp/listen.h"

#include "net/sse.h"
#include "surfaces/mcp/followers.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr std::chrono::seconds kSignOfLife{15};
constexpr std::size_t kUris = 100;

std::string_view method_of(const Change& change) {
  switch (change.of) {
    case Change::Of::tools:
      return "notifications/tools/list_changed";
    case Change::Of::prompts:
      return "notifications/prompts/list_changed";
    case Change::Of::resources:
      return "notifications/resources/list_changed";
    case Change::Of::resource:
      return "notifications/resources/updated";
    case Change::Of::watched:
      break;
  }
  return "";
}

// `subscription` is the id of the request that opened the stream, as JSON text; "" in a session.
std::string to_message(const Change& change, std::string_view subscription) {
  OrderedJson params = OrderedJson::object();
  if (change.of == Change::Of::resource) params["uri"] = change.uri;
  if (!subscription.empty())
    params["_meta"] = {{"io.modelcontextprotocol/subscriptionId", OrderedJson::parse(subscription)}};
  return notification_message(method_of(change), params.dump());
}

Task<Result<>> write_event(net::BodyWriter& writer, std::string message) {
  const std::string bytes = net::to_sse({.event = "message", .data = std::move(message), .id = {}});
  co_return co_await writer.write(bytes);
}

// Until the client goes away, or there will be no more changes. `watched` is called where a session watches
// other resources.
Task<Result<>> tell(Changes::Listener& listener, std::string subscription, net::BodyWriter& writer,
                    std::function<void()> watched) {
  for (;;) {
    auto change = co_await async::with_deadline(async::Deadline::after(kSignOfLife), "a change",
                                                listener.queue().receive());
    if (!change && change.error().code() != ErrorCode::deadline_exceeded)
      co_return std::unexpected(std::move(change).error());
    if (change && !*change) co_return Result<>();
    if (change && (*change)->of == Change::Of::watched) {
      watched();
    } else if (change) {
      ACLOUD_CO_CHECK(co_await write_event(writer, to_message(**change, subscription)));
    } else {
      ACLOUD_CO_CHECK(co_await writer.write(": still here\n\n"));
    }
  }
}

struct Listening {
  Source source;
  std::string id;
  Filter filter;
  std::string server;
};

std::string acknowledged(const Listening& listening) {
  OrderedJson honoured = OrderedJson::object();
  const Filter& filter = listening.filter;
  if (filter.tools) honoured["toolsListChanged"] = true;
  if (filter.prompts) honoured["promptsListChanged"] = true;
  if (filter.resources) honoured["resourcesListChanged"] = true;
  if (!filter.uris.empty()) honoured["resourceSubscriptions"] = filter.uris;
  const OrderedJson params{
      {"_meta", {{"io.modelcontextprotocol/subscriptionId", OrderedJson::parse(listening.id)}}},
      {"notifications", std::move(honoured)}};
  return notification_message("notifications/subscriptions/acknowledged", params.dump());
}

Task<Result<>> run_stand_alone(std::shared_ptr<Listening> listening, net::BodyWriter& writer) {
  const Filter& filter = listening->filter;
  Changes::Listener listener(listening->source.changes,
                             [&filter](const Change& change) { return filter.wants(change); });
  ACLOUD_CO_CHECK(co_await write_event(writer, acknowledged(*listening)));
  if (!filter.empty()) {
    Followers followers(listening->source.offer, listening->source.caller, listener);
    followers.follow(filter.uris);
    const auto told = co_await tell(listener, listening->id, writer, [] {});
    co_await followers.end();
    ACLOUD_CO_CHECK(told);
  }
  const std::string result = fmt::format(
      R"({{"resultType":"complete","_meta":{{"io.modelcontextprotocol/subscriptionId":{},"io.modelcontextprotocol/serverInfo":{}}}}})",
      listening->id, listening->server);
  co_return co_await write_event(writer, result_message(listening->id, result));
}

struct SessionListening {
  Source source;
  std::shared_ptr<Session> session;  // shared with the table of sessions, which may forget it meanwhile
};

Task<Result<>> run_in_session(std::shared_ptr<SessionListening> listening, net::BodyWriter& writer) {
  const Session& session = *listening->session;
  Changes::Listener listener(listening->source.changes, [&session](const Change& change) {
    if (change.of == Change::Of::watched) return change.uri == session.id();
    return change.of != Change::Of::resource || session.watches(change.uri);
  });
  // So that the client knows at once that it is heard.
  ACLOUD_CO_CHECK(co_await writer.write(": listening\n\n"));
  Followers followers(listening->source.offer, listening->source.caller, listener);
  followers.follow(session.watched());
  const auto told = co_await tell(listener, "", writer, [&] { followers.follow(session.watched()); });
  co_await followers.end();
  co_return told;
}

}  // namespace

void add_event_stream(net::Headers& headers) {
  headers.add("content-type", "text/event-stream");
  headers.add("cache-control", "no-store");
  headers.add("x-accel-buffering", "no");
}

bool Filter::wants(const Change& change) const {
  switch (change.of) {
    case Change::Of::tools:
      return tools;
    case Change::Of::prompts:
      return prompts;
    case Change::Of::resources:
      return resources;
    case Change::Of::resource:
      return uris.contains(change.uri);
    case Change::Of::watched:
      break;
  }
  return false;
}

Rpc<Filter> read_filter(const Json& params, const Capabilities& capabilities) {
  const auto asked = params.find("notifications");
  if (asked == params.end() || !asked->is_object())
    return refuse(Code::invalid_params, "notifications: must be there, as an object");
  Filter filter;
  for (const auto& [name, field] : {std::pair("toolsListChanged", &Filter::tools),
                                    {"promptsListChanged", &Filter::prompts},
                                    {"resourcesListChanged", &Filter::resources}}) {
    const Json value = asked->value(name, Json(false));
    if (!value.is_boolean())
      return refuse(Code::invalid_params, "notifications.{}: must be true or false", name);
    filter.*field = value.get<bool>() && capabilities.lists_change;
  }
  const Json uris = asked->value("resourceSubscriptions", Json::array());
  if (!uris.is_array() || uris.size() > kUris)
    return refuse(Code::invalid_params, "notifications.resourceSubscriptions: must be a list of at most {}",
                  kUris);
  for (const Json& uri : uris) {
    if (!uri.is_string())
      return refuse(Code::invalid_params, "notifications.resourceSubscriptions: must be texts");
    if (capabilities.resources_change) filter.uris.insert(uri.get<std::string>());
  }
  return filter;
}

net::Response listen_stand_alone(Source source, std::string id, Filter filter, std::string server) {
  auto listening =
      std::make_shared<Listening>(std::move(source), std::move(id), std::move(filter), std::move(server));
  net::Response response;
  add_event_stream(response.headers);
  // Kept by the response.
  response.produce = [listening](net::BodyWriter& writer) { return run_stand_alone(listening, writer); };
  return response;
}

net::Response listen_in_session(Source source, std::shared_ptr<Session> session) {
  auto listening = std::make_shared<SessionListening>(std::move(source), std::move(session));
  net::Response response;
  add_event_stream(response.headers);
  response.produce = [listening](net::BodyWriter& writer) { return run_in_session(listening, writer); };
  return response;
}

}  // namespace acloud::surfaces::mcp
