#include "mcp/server.h"

#include "async/channel.h"
#include "base/log.h"
#include "mcp/http_transport.h"
#include "mcp/stdio_transport.h"

namespace acloud::mcp {
namespace {

constexpr std::chrono::seconds kCheckEvery{30};
constexpr std::chrono::seconds kCheckWithin{10};
constexpr std::chrono::seconds kLookAgain{1};       // a list that changes all the time is read this often
constexpr std::chrono::seconds kListenAgain{1};     // after a stream that lasted
constexpr std::chrono::seconds kListenRefused{60};  // after one that was not opened
constexpr std::chrono::seconds kSettled{60};        // a connection that lasted so long was a good one
constexpr std::chrono::milliseconds kPause{500};
constexpr std::chrono::milliseconds kPauseMost{60'000};
constexpr std::size_t kReasonBytes = 1000;

void distrust(std::vector<Tool>& tools) {
  for (Tool& tool : tools) {
    tool.read_only = false;
    tool.destructive = true;
    tool.open_world = true;
  }
}

}  // namespace

// A call on its way between two loops, which both hold it.
struct Server::Pending {
  Tool tool;
  Json arguments;
  async::OneShot<Result<std::string>> done = {};
  std::stop_source stop = {};
};

// One connection, from its first byte to its end.
class Server::Connection final : public Hearer {
 public:
  void tools_changed() override {
    changed = true;
    (void)bell.try_send(true);
  }
  void suspect() {
    suspected = true;
    (void)bell.try_send(true);
  }
  void lost(const Error& why) override {
    over = why;
    bell.close();
  }

  // All that runs on it ends, and then it does. What is under way fails with `why`.
  Task<> end(Error why) {
    ending = std::move(why);
    for (const auto& each : std::set(pending)) each->stop.request_stop();
    background.cancel();
    co_await calls.join();
    co_await background.join();
    if (transport) co_await transport->close();
  }

  std::unique_ptr<Transport> transport;
  std::unique_ptr<Session> session;
  bool http = false;
  bool greeted = false;
  bool lists_change = false;
  async::Channel<bool> bell{1};  // rings for the flags below, and closes at the end
  bool changed = false;
  bool suspected = false;
  std::optional<Error> over;
  std::optional<Error> ending;
  async::TaskScope calls, background;
  std::set<std::shared_ptr<Pending>> pending;
};

Server::Server(ServerConfig config, Parts parts) : config_(std::move(config)), parts_(std::move(parts)) {
  status_.since = parts_.clock.now();
}

void Server::start() {
  parts_.loop.post([this] { scope_.spawn(run()); });
}

Task<> Server::stop() {
  scope_.cancel();
  co_await scope_.join();
}

Status Server::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

void Server::set_state(State state, std::string reason) {
  const std::scoped_lock lock(mutex_);
  if (status_.state != state) status_.since = parts_.clock.now();
  if (state == State::failing && status_.reason != reason)
    log::warn("an MCP server is not connected", {{"server", config_.name}, {"reason", reason}});
  if (state == State::connected) {
    ++status_.connects;
    log::info("an MCP server is connected",
              {{"server", config_.name}, {"revision", status_.version}, {"tools", status_.tools}});
  } else {
    ++status_.failures;
    status_.version.clear();
  }
  status_.state = state;
  status_.reason = std::move(reason);
}

Task<> Server::run() {
  const std::stop_token stop = co_await async::this_stop_token();
  bool older_first = false;
  unsigned failures = 0;
  while (!stop.stop_requested()) {
    const Instant began = parts_.loop.now();
    const Error why = co_await live(older_first);
    if (stop.stop_requested()) break;
    failures = parts_.loop.now() - began > kSettled ? 0 : failures + 1;
    set_state(State::failing, plain_text(why.message(), kReasonBytes));
    // Half of the pause is left to chance, so that servers that failed together don't come back together.
    const auto longest = std::min(kPauseMost, kPause * (1U << std::min(failures, 8U)));
    const auto pause =
        longest / 2 +
        std::chrono::milliseconds(parts_.random.below(static_cast<std::uint64_t>(longest.count() / 2)));
    if (!co_await async::sleep_for(pause)) break;
  }
}

Task<Error> Server::live(bool& older_first) {
  Connection connection;
  auto made = connect(connection);
  if (!made) co_return std::move(made).error();
  connection.transport = *std::move(made);
  connection.session = std::make_unique<Session>(*connection.transport, client_info(parts_.version));
  auto ready = co_await async::with_deadline(async::Deadline::after(config_.start_time),
                                             "its start (start_time_s)", prepare(connection, older_first));
  Error why(ErrorCode::unavailable, "");
  if (ready) {
    set_state(State::connected, "");
    connection_ = &connection;
    connection.background.spawn(listen(connection));
    why = co_await watch(connection);
    connection_ = nullptr;
  } else {
    why = connection.over ? *connection.over : std::move(ready).error();
    // There are programs that end at a question that they don't know.
    if (connection.over && !connection.greeted) older_first = !older_first;
  }
  co_await connection.end(why).shielded();
  co_return why;
}

Result<std::unique_ptr<Transport>> Server::connect(Connection& connection) {
  if (!config_.command.empty()) {
    Command command{.program = config_.command,
                    .arguments = config_.args,
                    .environment = basic_environment(),
                    .folder = config_.cwd};
    for (const auto& [name, value] : config_.env) {
      auto text = resolved(value, parts_.secret_of);
      if (!text) return std::unexpected(std::move(text).error().within("env." + name));
      command.environment[name] = *std::move(text);
    }
    return StdioTransport::start(command, config_.name, connection);
  }
  connection.http = true;
  ACLOUD_TRY(net::Url url, net::parse_url(config_.url));
  HttpTransport::Options options{.url = std::move(url), .headers = {}, .ca_file = config_.ca_file};
  for (const auto& [name, value] : config_.headers) {
    auto text = resolved(value, parts_.secret_of);
    if (!text) return std::unexpected(std::move(text).error().within("headers." + name));
    options.headers.emplace_back(name, *std::move(text));
  }
  if (!config_.bearer.empty()) {
    auto text = resolved(config_.bearer, parts_.secret_of);
    if (!text) return std::unexpected(std::move(text).error().within("bearer"));
    options.headers.emplace_back("authorization", "Bearer " + *text);
  }
  return std::make_unique<HttpTransport>(std::move(options), connection);
}

Task<Result<>> Server::prepare(Connection& connection, bool older_first) {
  ACLOUD_CO_TRY(Session::Hello hello, co_await connection.session->begin(older_first));
  connection.greeted = true;
  connection.lists_change = hello.lists_change;
  {
    const std::scoped_lock lock(mutex_);
    status_.version = std::move(hello.version);
    status_.server = std::move(hello.server);
  }
  co_return co_await relist(connection);
}

Task<Result<>> Server::relist(Connection& connection) {
  ToolList list(config_.name, config_.tools);
  ACLOUD_CO_CHECK(co_await connection.session->list(list));
  std::vector<Tool> tools = list.finish();
  if (!config_.trust_annotations) distrust(tools);
  {
    const std::scoped_lock lock(mutex_);
    status_.tools = tools.size();
    status_.refused = list.refused();
  }
  parts_.offer(tools);
  co_return Result<>();
}

// Until the connection is over: says why.
Task<Error> Server::watch(Connection& connection) {
  for (;;) {
    auto rung = co_await async::with_deadline(async::Deadline::after(kCheckEvery), "a sign",
                                              connection.bell.receive());
    if (connection.over) co_return *connection.over;
    const bool quiet = !rung && rung.error().code() == ErrorCode::deadline_exceeded;
    if (!rung && !quiet) co_return std::move(rung).error();
    const bool changed = std::exchange(connection.changed, false);
    const bool suspected = std::exchange(connection.suspected, false);
    Result<> fine;
    if (changed) {
      fine = co_await async::with_deadline(async::Deadline::after(config_.start_time),
                                           "tools/list (start_time_s)", relist(connection));
    } else if (suspected || connection.pending.empty()) {
      // A server that works on a call may be one that does nothing beside it.
      fine = co_await async::with_deadline(async::Deadline::after(kCheckWithin), "a sign of life",
                                           check(connection));
    }
    if (fine && rung) fine = co_await async::sleep_for(kLookAgain);
    if (connection.over) co_return *connection.over;
    if (!fine) co_return std::move(fine).error();
  }
}

// Over HTTP nothing may say that a server was replaced by another with other tools, so that they are asked
// for.
Task<Result<>> Server::check(Connection& connection) {
  return connection.http ? relist(connection) : connection.session->ping();
}

Task<> Server::listen(Connection& connection) {
  if (!connection.lists_change) co_return;
  const Request request = connection.session->listening();
  if (!connection.http && request.method.empty()) co_return;
  for (;;) {
    const Instant began = async::EventLoop::current()->now();
    co_await connection.transport->listen(request);
    const bool lasted = async::EventLoop::current()->now() - began > kListenAgain;
    if (!co_await async::sleep_for(lasted ? Duration(kListenAgain) : Duration(kListenRefused))) co_return;
    connection.tools_changed();  // it may have, unheard
  }
}

Task<Result<std::string>> Server::call(Tool tool, Json arguments) {
  // Shared by this loop and the server's, since either may be done with it first.
  auto pending =
      std::make_shared<Pending>(Pending{.tool = std::move(tool), .arguments = std::move(arguments)});
  parts_.loop.post([this, pending] { begin(pending); });
  auto reply = co_await pending->done.wait();
  if (reply) co_return *std::move(reply);
  parts_.loop.post([pending] { pending->stop.request_stop(); });
  co_return std::unexpected(std::move(reply).error());
}

Error Server::named(const Error& error, std::string_view tool) const {
  return Error(error).within(fmt::format("{}.{}", config_.name, tool));
}

void Server::begin(const std::shared_ptr<Pending>& pending) {
  if (connection_ == nullptr) {
    const Status now = status();
    Error away(ErrorCode::unavailable, fmt::format("the MCP server is not connected: {}",
                                                   now.reason.empty() ? "it is being started" : now.reason));
    pending->done.set(std::unexpected(
        named(std::move(away).with_retry_after(std::chrono::seconds(5)), pending->tool.operation)));
    return;
  }
  if (connection_->pending.size() >= kCalls) {
    Error busy(ErrorCode::unavailable, fmt::format("{} calls of the MCP server are under way", kCalls));
    pending->done.set(std::unexpected(
        named(std::move(busy).with_retry_after(std::chrono::seconds(1)), pending->tool.operation)));
    return;
  }
  connection_->pending.insert(pending);
  connection_->calls.spawn(serve(*this, *connection_, pending).with_stop(pending->stop.get_token()));
}

Task<> Server::serve(Server& server, Connection& connection, std::shared_ptr<Pending> pending) {
  const auto count = [&server](std::size_t calls) {
    const std::scoped_lock lock(server.mutex_);
    server.status_.calls = calls;
  };
  count(connection.pending.size());
  auto reply =
      co_await async::with_deadline(async::Deadline::after(server.config_.timeout), "the call (timeout_s)",
                                    connection.session->call(pending->tool, std::move(pending->arguments)));
  connection.pending.erase(pending);
  count(connection.pending.size());
  // Over HTTP a server that was replaced may say so in any way that it likes.
  const bool strange = !reply && (reply.error().code() == ErrorCode::deadline_exceeded ||
                                  (connection.http && reply.error().code() == ErrorCode::unavailable));
  if (strange) connection.suspect();
  if (!reply && reply.error().code() == ErrorCode::cancelled && connection.ending)
    reply = fail(ErrorCode::unavailable, "the connection was lost: {}", connection.ending->message());
  if (!reply) reply = std::unexpected(server.named(reply.error(), pending->tool.operation));
  pending->done.set(std::move(reply));
}

}  // namespace acloud::mcp
