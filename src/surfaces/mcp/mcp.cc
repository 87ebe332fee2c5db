#include "surfaces/mcp/mcp.h"

#include "base/encoding.h"
#include "kernel/visitor.h"
#include "net/sse.h"
#include "net/text.h"
#include "surfaces/mcp/catalog_offers.h"
#include "surfaces/mcp/conformance.h"
#include "surfaces/mcp/headers.h"
#include "surfaces/mcp/listen.h"
#include "surfaces/mcp/live_exchange.h"
#include "surfaces/origin.h"
#include "surfaces/presented_key.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kMetadata = "/.well-known/oauth-protected-resource";
constexpr std::string_view kConformance = "/conformance/mcp";

net::Response message_response(int status, std::string message) {
  net::Response response{.status = status};
  response.headers.add("content-type", std::string(kJson));
  response.body = std::move(message);
  return response;
}

net::Response error_response(int status, std::string_view id, const RpcError& error) {
  return message_response(status, error_message(id, error));
}

net::Response refused(int status, Code code, std::string message) {
  return error_response(status, "", RpcError{code, std::move(message), nullptr});
}

net::Response accepted() { return net::Response{.status = 202}; }

// The host of "host:port" or "[ip6]:port", in lower case.
std::string host_of(std::string_view authority) {
  std::string host(
      authority.substr(0, authority.starts_with('[') ? authority.find(']') + 1 : authority.find(':')));
  std::ranges::transform(host, host.begin(), [](unsigned char c) { return std::tolower(c); });
  return host;
}

bool is_this_machine(std::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

}  // namespace

// What is served at one path.
struct Mcp::Address {
  std::string path;
  std::unique_ptr<Offer> offer;
  std::unique_ptr<Changes> changes;
  Methods methods;
  bool open;  // needs no key
};

// One request on its way.
struct Mcp::Incoming {
  net::Request& request;
  Address& address;
  std::string request_id;
  kernel::Caller caller;
};

// Turns the response into a stream of events as soon as there is something to say before the answer.
class Mcp::SseOutlet final : public Outlet {
 public:
  SseOutlet(net::Request& request, net::Headers headers) : request_(request), headers_(std::move(headers)) {}

  Task<Result<>> send(std::string message) override {
    const std::string event = net::to_sse({.event = "message", .data = std::move(message), .id = {}});
    net::Responder& responder = *request_.responder;
    if (responder.begun()) co_return co_await responder.write(event);
    net::Response head{.status = 200, .headers = std::move(headers_)};
    add_event_stream(head.headers);
    co_return co_await responder.begin(std::move(head), event);
  }
  // The answer, which ends the stream. REQUIRES: it has begun.
  Task<Result<>> finish(std::string message) {
    const std::string event = net::to_sse({.event = "message", .data = std::move(message), .id = {}});
    co_return co_await request_.responder->finish(event);
  }
  bool begun() const { return request_.responder->begun(); }

 private:
  net::Request& request_;
  net::Headers headers_;
};

Mcp::Mcp(Parts parts)
    : parts_(std::move(parts)),
      server_(
          OrderedJson{{"name", "acloud"}, {"title", "acloud, an agentic cloud"}, {"version", parts_.version}}
              .dump()),
      seal_(parts_.clock, parts_.random),
      sessions_(parts_.clock, parts_.random),
      tasks_(parts_.clock, parts_.random, parts_.loops,
             TaskRecords(parts_.database, parts_.instance, parts_.database.kind() != "sqlite")) {
  const CatalogOffers offers(parts_.path, parts_.clock, parts_.random, parts_.library);
  add("/mcp", offers.whole(), nullptr, false);
  for (const auto& product : parts_.path.catalog().products())
    add("/mcp/" + product->name(), offers.product(*product), nullptr, false);
  if (!parts_.conformance) return;
  auto changes = std::make_unique<Changes>();
  auto fixtures = conformance_offer(*changes);
  add(std::string(kConformance), std::move(fixtures), std::move(changes), true);
}

Mcp::~Mcp() = default;

void Mcp::changed(std::string_view product) {
  const auto address = addresses_.find(fmt::format("/mcp/{}", product));
  if (address != addresses_.end()) address->second->changes->publish({Change::Of::tools, ""});
}

void Mcp::set_draining() {
  for (const auto& [path, address] : addresses_) address->changes->close();
}

void Mcp::stop() { tasks_.stop(); }

void Mcp::add(std::string path, std::unique_ptr<Offer> offer, std::unique_ptr<Changes> changes, bool open) {
  Offer& offered = *offer;
  if (changes == nullptr) changes = std::make_unique<Changes>();
  addresses_[path] = std::make_unique<Address>(path, std::move(offer), std::move(changes),
                                               Methods(offered, tasks_, seal_), open);
}

bool Mcp::takes(const net::Request& request) const {
  const std::string_view path = request.path();
  return path == "/mcp" || path.starts_with("/mcp/") || path.starts_with(kMetadata) ||
         (parts_.conformance && path == kConformance);
}

bool Mcp::allowed_origin(const net::Request& request) const {
  const auto origin = request.headers.get("origin");
  if (!origin) return true;  // no browser
  if (std::ranges::find(parts_.origins, *origin) != parts_.origins.end()) return true;
  const std::size_t scheme = origin->find("://");
  return scheme != origin->npos && is_this_machine(host_of(origin->substr(scheme + 3)));
}

// RFC 9728: where a client learns that a key goes into the Authorization header. Keys are made by this cloud
// itself, so no authorization server is named.
net::Response Mcp::metadata(const net::Request& request, std::string_view path) const {
  if (request.method != "GET" && request.method != "HEAD")
    return refused(405, Code::invalid_request, "GET it");
  const auto address = addresses_.find(path.empty() ? "/mcp" : path);
  const std::string base = origin_of(request.headers, parts_.tls, "");
  if (address == addresses_.end() || address->second->open || base.empty())
    return refused(404, Code::invalid_request, "no protected resource is there");
  const OrderedJson about{{"resource", base + address->first},
                          {"resource_name", "acloud"},
                          {"bearer_methods_supported", OrderedJson::array({"header"})},
                          {"resource_documentation", base + "/"}};
  return message_response(200, about.dump());
}

Task<net::Response> Mcp::handle(net::Request& request) {
  const std::string id = "req_" + parts_.random.hex(10);
  const std::string_view path = request.path();
  net::Response response;
  if (!allowed_origin(request)) {
    response = refused(403, Code::invalid_request,
                       fmt::format("Origin: {} may not send requests here; the operator can name it under "
                                   "[server] origins",
                                   to_valid_utf8(request.headers.value("origin").substr(0, 200))));
  } else if (path.starts_with(kMetadata)) {
    response = metadata(request, path.substr(kMetadata.size()));
  } else if (const auto address = addresses_.find(path); address == addresses_.end()) {
    response = refused(404, Code::invalid_request,
                       fmt::format("no MCP server is at {}; /mcp has everything, /mcp/<product> one product",
                                   to_valid_utf8(path.substr(0, 200))));
  } else {
    Incoming incoming{request, *address->second, id, {}};
    response = co_await route(incoming);
  }
  response.headers.set("x-request-id", id);
  co_return response;
}

Task<net::Response> Mcp::route(Incoming& incoming) {
  const net::Request& request = incoming.request;
  if (incoming.address.open) {
    incoming.caller = {.workspace = "conformance", .principal = "conformance", .key = "", .grants = {}};
  } else {
    auto caller = co_await parts_.path.identify_or_visit(presented_key(request.headers), request.peer);
    if (!caller) {
      net::Response response =
          refused(traits(caller.error().code()).http_status, Code::invalid_request, caller.error().message());
      if (caller.error().code() == ErrorCode::unauthenticated) {
        response.headers.add("www-authenticate", fmt::format("Bearer resource_metadata=\"{}{}{}\"",
                                                             origin_of(request.headers, parts_.tls, ""),
                                                             kMetadata, incoming.address.path));
      }
      co_return response;
    }
    incoming.caller = *std::move(caller);
  }
  if (request.method == "POST") co_return co_await post(incoming);
  const std::string session_id(request.headers.value("mcp-session-id"));
  const bool streams = request.method != "GET" || !kernel::is_visitor(incoming.caller);
  if (streams && (request.method == "GET" || request.method == "DELETE") && !session_id.empty()) {
    auto session = sessions_.find(incoming.caller, incoming.address.path, session_id);
    if (session == nullptr) co_return refused(404, Code::invalid_request, "no such session; begin one anew");
    if (request.method == "GET") co_return listen_session(incoming, std::move(session));
    sessions_.erase(session_id);
    co_return net::Response{.status = 204};
  }
  net::Response response = refused(405, Code::invalid_request, "messages are sent with POST");
  response.headers.add("allow", "POST");
  co_return response;
}

Task<net::Response> Mcp::post(Incoming& incoming) {
  net::Request& request = incoming.request;
  const std::string_view type = request.headers.value("content-type");
  if (!net::same_token(net::trim(type.substr(0, type.find(';'))), kJson))
    co_return refused(415, Code::invalid_request, "content-type: must be application/json");
  auto body = co_await request.body.read_all(kBodyBytes);
  if (!body) {
    co_return refused(traits(body.error().code()).http_status, Code::invalid_request, body.error().message());
  }
  std::string id;
  auto message = parse_message(*body, id);
  if (!message) co_return error_response(400, id, message.error());
  body->clear();

  const auto version = request.headers.get("mcp-protocol-version");
  const bool old_version =
      !version || *version == kSessions || *version == kSessionsBefore || *version == "2025-03-26";
  const auto meta = message->params.find("_meta");
  const bool stands_alone = !old_version || (meta != message->params.end() && meta->is_object() &&
                                             meta->contains("io.modelcontextprotocol/protocolVersion"));
  const Revision revision = stands_alone ? Revision::stateless : Revision::sessions;
  auto response = stands_alone ? co_await stand_alone(incoming, *std::move(message))
                               : co_await in_session(incoming, *std::move(message));
  if (response) co_return *std::move(response);
  co_return error_response(http_status(revision, response.error().code), id, response.error());
}

Task<Rpc<net::Response>> Mcp::stand_alone(Incoming& incoming, Message message) {
  // Notifications tell nothing here: who wants no answer any more closes the connection.
  if (message.kind == Message::Kind::notification) co_return accepted();
  if (message.kind == Message::Kind::response)
    co_return refuse(Code::invalid_request, "this revision asks in results: answer by asking again");
  const net::Headers& headers = incoming.request.headers;
  const auto version = headers.get("mcp-protocol-version");
  if (!version) co_return refuse(Code::header_mismatch, "header MCP-Protocol-Version: is missing");
  auto client = read_client(message.params);
  if (!client) co_return error_response(400, message.id, client.error());
  const auto& said =
      message.params["_meta"]["io.modelcontextprotocol/protocolVersion"].get_ref<const std::string&>();
  if (said != net::trim(*version))
    co_return refuse(Code::header_mismatch, "header MCP-Protocol-Version: must say what params._meta says");
  if (said != kStateless) {
    co_return refuse_with(Code::unsupported_version, "this server speaks " + std::string(kStateless),
                          {{"supported", {kStateless, kSessions}}, {"requested", said}});
  }
  if (auto agree = check_headers(headers, message); !agree) co_return std::unexpected(agree.error());
  if (!has_method(Revision::stateless, message.method))
    co_return refuse(Code::method_not_found, "there is no method {}", message.method);
  if (message.method == "tools/call" && message.params.contains("name") &&
      message.params["name"].is_string()) {
    const std::shared_ptr<const Tool> tool = incoming.address.offer->find_tool(
        incoming.caller, message.params["name"].get_ref<const std::string&>());
    if (tool != nullptr) {
      if (auto agree = check_arguments(headers, *tool, message.params); !agree)
        co_return std::unexpected(agree.error());
    }
  }
  if (message.method == "subscriptions/listen" && kernel::is_visitor(incoming.caller))
    co_return refuse(Code::invalid_request, "subscriptions/listen: is for those who have a key");
  if (message.method == "subscriptions/listen") co_return listen(incoming, message);
  co_return co_await answer(incoming, std::move(message), *std::move(client), nullptr);
}

Task<Rpc<net::Response>> Mcp::in_session(Incoming& incoming, Message message) {
  if (message.kind == Message::Kind::request && message.method == "initialize")
    co_return initialize(incoming, message);
  const std::string id(incoming.request.headers.value("mcp-session-id"));
  if (id.empty())
    co_return refuse(Code::invalid_request,
                     "no session: send initialize, then its Mcp-Session-Id with each request; or speak {}, "
                     "whose requests stand alone",
                     kStateless);
  auto session = sessions_.find(incoming.caller, incoming.address.path, id);
  if (session == nullptr)
    co_return error_response(404, message.id,
                             {Code::invalid_request, "no such session; begin one anew", nullptr});
  if (message.kind == Message::Kind::response) {
    session->answer(message.id, {std::move(message.result), std::move(message.error)});
    co_return accepted();
  }
  if (message.kind == Message::Kind::notification) {
    if (message.method == "notifications/cancelled" && message.params.contains("requestId"))
      session->cancel(to_text(message.params["requestId"]));
    co_return accepted();
  }
  if (!has_method(Revision::sessions, message.method))
    co_return refuse(Code::method_not_found, "there is no method {}", message.method);
  if (message.method == "logging/setLevel" || message.method == "resources/subscribe" ||
      message.method == "resources/unsubscribe") {
    ACLOUD_CO_TRY(const Answer done, session_method(incoming, *session, message));
    co_return message_response(200, result_message(message.id, finish(Revision::sessions, done, server_)));
  }
  Client client = session->client();
  co_return co_await answer(incoming, std::move(message), std::move(client), std::move(session));
}

Rpc<net::Response> Mcp::initialize(Incoming& incoming, const Message& message) {
  ACLOUD_TRY(const std::string wanted, text_param(message.params, "protocolVersion"));
  const Json capabilities = message.params.value("capabilities", Json());
  if (!capabilities.is_object()) return refuse(Code::invalid_params, "capabilities: must be an object");
  const auto session = sessions_.create(incoming.caller, incoming.address.path, capabilities);
  OrderedJson result{{"protocolVersion", wanted == kSessionsBefore ? kSessionsBefore : kSessions},
                     {"capabilities", incoming.address.methods.capabilities(Revision::sessions)},
                     {"serverInfo", OrderedJson::parse(server_)}};
  if (const std::string& how = incoming.address.offer->instructions(); !how.empty())
    result["instructions"] = how;
  net::Response response = message_response(200, result_message(message.id, result.dump()));
  response.headers.add("mcp-session-id", session->id());
  return response;
}

Rpc<Answer> Mcp::session_method(Incoming& incoming, Session& session, const Message& message) {
  if (message.method == "logging/setLevel") {
    ACLOUD_TRY(const std::string name, text_param(message.params, "level"));
    const auto level = log_level(name);
    if (!level)
      return refuse(Code::invalid_params, "level: {} is no log level", to_text(Json(name.substr(0, 50))));
    session.set_log_level(*level);
    return Answer{};
  }
  ACLOUD_TRY(const std::string uri, text_param(message.params, "uri"));
  Address& address = incoming.address;
  if (message.method == "resources/unsubscribe") {
    session.unsubscribe(uri);
  } else {
    if (!address.offer->can_follow(incoming.caller, uri))
      return refuse_with(no_such_resource(Revision::sessions), "nothing that changes is at this address",
                         {{"uri", uri}});
    if (auto taken = session.subscribe(uri); !taken) return std::unexpected(taken.error());
  }
  address.changes->publish({Change::Of::watched, session.id()});
  return Answer{};
}

namespace {

// A request of a session is known by its id while it is under way, so that it can be cancelled.
class UnderWay {
 public:
  UnderWay(Session* session, const std::string& id, const std::stop_token& parent)
      : session_(session), id_(id), forward_(parent, Forward{stop_}) {
    taken_ = session_ == nullptr || session_->begin(id_, stop_);
  }
  ~UnderWay() {
    if (session_ != nullptr && taken_) session_->end(id_);
  }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;
  bool taken() const { return taken_; }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  struct Forward {
    std::stop_source& stop;
    void operator()() const { stop.request_stop(); }
  };
  Session* session_;
  const std::string& id_;
  std::stop_source stop_;
  std::stop_callback<Forward> forward_;
  bool taken_ = false;
};

}  // namespace

Task<Rpc<net::Response>> Mcp::answer(Incoming& incoming, Message message, Client client,
                                     std::shared_ptr<Session> session) {
  if (auto read = read_request(message.params, client); !read) co_return std::unexpected(read.error());
  Methods& methods = incoming.address.methods;
  ACLOUD_CO_TRY(Json state, methods.state(message.method, message.params, incoming.caller, client));
  const UnderWay under_way(session.get(), message.id, co_await async::this_stop_token());
  if (!under_way.taken())
    co_return refuse(Code::invalid_request, "id: a request {} is under way already", message.id);
  SseOutlet outlet(incoming.request, {{"x-request-id", incoming.request_id}});
  LiveExchange exchange(incoming.caller, client, std::move(state), outlet, session.get(), parts_.random);
  auto done =
      co_await methods.run(message.method, std::move(message.params), exchange).with_stop(under_way.token());
  if (!done && !outlet.begun()) co_return std::unexpected(std::move(done).error());
  std::string text = done ? result_message(message.id, finish(client.revision, *done, server_))
                          : error_message(message.id, done.error());
  if (!outlet.begun()) co_return message_response(200, std::move(text));
  (void)co_await outlet.finish(std::move(text));
  co_return net::Response();  // the responder has answered
}

Rpc<net::Response> Mcp::listen(Incoming& incoming, const Message& message) {
  Source source{*incoming.address.changes, *incoming.address.offer, incoming.caller};
  ACLOUD_TRY(Filter filter, read_filter(message.params, source.offer.capabilities()));
  // What is not there, or not for this caller, is not honoured: the acknowledgement says so.
  std::erase_if(filter.uris,
                [&source](const std::string& uri) { return !source.offer.can_follow(source.caller, uri); });
  return listen_stand_alone(std::move(source), message.id, std::move(filter), server_);
}

net::Response Mcp::listen_session(Incoming& incoming, std::shared_ptr<Session> session) {
  return listen_in_session({*incoming.address.changes, *incoming.address.offer, incoming.caller},
                           std::move(session));
}

}  // namespace acloud::surfaces::mcp
