#include "sandbox/egress/proxy.h"

#include "async/task_scope.h"
#include "net/client.h"
#include "net/socket.h"
#include "net/text.h"
#include "sandbox/egress/passage.h"

namespace acloud::sandbox::egress {
namespace {

constexpr std::chrono::seconds kLookupTime{10};   // that a connection waits
constexpr std::chrono::seconds kLookupsTurn{40};  // that a look-up may hold its seat; none takes longer
constexpr std::size_t kHeaderBytes = 64 * 1024;
constexpr std::size_t kAddressesTried = 8;

// They speak of one connection, not of the request (RFC 9110, section 7.6.1), or to a proxy.
bool is_of_connection(std::string_view name) {
  for (const char* other :
       {"connection", "keep-alive", "proxy-connection", "proxy-authorization", "proxy-authenticate", "te",
        "trailer", "transfer-encoding", "upgrade", "expect", "host"}) {
    if (net::same_token(name, other)) return true;
  }
  return false;
}

net::Response refusal(const Error& error) {
  const int status = error.code() == ErrorCode::unavailable ? 502 : traits(error.code()).http_status;
  net::Response response{.status = status};
  response.headers.add("content-type", "text/plain; charset=utf-8");
  response.body = fmt::format("acloud: {}\n", error.message());
  return response;
}

// "http://HOST[:PORT]/PATH" taken apart.
struct Absolute {
  Target target;
  std::string path;
};
Result<Absolute> parse_absolute(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (!text.starts_with(kScheme)) {
    return fail(ErrorCode::invalid_argument,
                "this is a proxy: ask for http://HOST/PATH, or CONNECT HOST:PORT for everything else");
  }
  text.remove_prefix(kScheme.size());
  const auto end = text.find_first_of("/?");
  const std::string_view authority = text.substr(0, end);
  if (authority.find('@') != std::string_view::npos)
    return fail(ErrorCode::invalid_argument, "a user in an address is not passed on: send a header");
  const auto colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
  std::string path(end == std::string_view::npos ? std::string_view("/") : text.substr(end));
  if (path.starts_with('?')) path.insert(0, "/");
  auto target = has_port ? parse_target(authority) : parse_target(authority, 80);
  if (!target) return std::unexpected(std::move(target).error());
  return Absolute{*std::move(target), std::move(path)};
}

// What goes on of a request's headers. Host is the address's, whatever the request says itself (RFC 9112,
// section 3.2.2).
net::Headers passed_on(const net::Headers& headers, const Target& target) {
  net::Headers passed;
  std::string host = to_string(target);
  if (target.port == 80) host.resize(host.rfind(':'));
  passed.add("host", std::move(host));
  for (const auto& [name, value] : headers) {
    if (!is_of_connection(name) && !headers.has_token("connection", name)) passed.add(name, value);
  }
  passed.add("connection", "close");
  return passed;
}

std::string dialled(const Address& address, std::uint16_t port) {
  return fmt::format(fmt::runtime(address.is_v4() ? "{}:{}" : "[{}]:{}"), to_string(address), port);
}

}  // namespace

Proxy::Proxy(async::LoopThreads& loops, Clock& clock, Random& random, Options options)
    : clock_(clock), random_(random), options_(std::move(options)) {
  net::ServerOptions server{.listen = ""};
  server.limits.header_bytes = kHeaderBytes;
  server_ = std::make_unique<net::Server>(
      loops, std::move(server), [this](net::Request& request) { return handle(request); }, &refusal);
}

Proxy::~Proxy() { server_.reset(); }

void Proxy::drain(std::chrono::milliseconds grace) { server_->drain(grace); }

std::unique_ptr<Proxy::Gate> Proxy::open(jail::Fd listener, std::string sandbox, std::string workspace,
                                         Rules rules) {
  auto state = std::make_shared<Gate::State>(sandbox, std::move(workspace), std::move(rules));
  {
    const std::lock_guard lock(mutex_);
    gates_[sandbox] = state;
  }
  std::unique_ptr<Gate> gate(new Gate(std::move(state)));
  gate->proxy_ = this;
  gate->door_ = server_->open_door(listener.release(), std::move(sandbox), kConnectionsMost);
  return gate;
}

Proxy::Gate::~Gate() {
  door_.reset();
  const std::lock_guard lock(proxy_->mutex_);
  const auto found = proxy_->gates_.find(state_->sandbox);
  if (found != proxy_->gates_.end() && found->second == state_) proxy_->gates_.erase(found);
}

Self Proxy::self() const { return {own_addresses(), options_.server_port()}; }

Task<net::Response> Proxy::handle(net::Request& request) {
  std::shared_ptr<Gate::State> gate;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = gates_.find(request.peer); found != gates_.end()) gate = found->second;
  }
  if (!gate) co_return refusal(Error(ErrorCode::permission_denied, "this way out was closed"));
  if (!co_await async::sleep_until(gate->take_turn(async::EventLoop::current()->now())))
    co_return refusal(Error(ErrorCode::cancelled, "the client is gone"));
  auto passage = std::make_shared<Passage>(*this, std::move(gate));
  auto response = co_await pass(request, passage);
  if (response) co_return *std::move(response);
  passage->note(response.error());
  co_return refusal(response.error());
}

Task<Result<net::Response>> Proxy::pass(net::Request& request, std::shared_ptr<Passage> passage) {
  if (request.method == "CONNECT") {
    ACLOUD_CO_TRY(passage->target, parse_target(request.target));
    co_return co_await open_tunnel(std::move(passage));
  }
  ACLOUD_CO_TRY(Absolute asked, parse_absolute(request.target));
  passage->target = std::move(asked.target);
  co_return co_await forward(request, std::move(passage), std::move(asked.path));
}

// The addresses that may be dialled, of those that the target has.
Task<Result<std::vector<Address>>> Proxy::admit(Passage& passage) {
  const auto rules = passage.gate->current();
  const Target& target = passage.target;
  ACLOUD_CO_CHECK(rules->check_name(target));
  std::vector<Address> found;
  if (target.address) {
    found.push_back(*target.address);
  } else {
    ACLOUD_CO_TRY(const auto names, co_await look_up(*passage.gate, target.host));
    for (const std::string& name : names) {
      if (const auto address = parse_address(name)) found.push_back(*address);
    }
  }
  const Self self = this->self();
  std::vector<Address> allowed;
  Result<> last = fail(ErrorCode::unavailable, "{} has no address", to_string(target));
  for (const Address& address : found) {
    const auto checked = rules->check_address(target, address, self);
    if (!checked) last = checked;
    if (checked && allowed.size() < kAddressesTried) allowed.push_back(address);
  }
  if (allowed.empty()) co_return std::unexpected(last.error());
  co_return allowed;
}

namespace {

// Holds the seat for as long as the look-up really takes, whoever has stopped waiting for it.
template <class Channel, class Seat>
Task<Result<std::vector<std::string>>> look_up_in(Channel& seats, Seat seat, std::string host) {
  auto found = co_await net::resolve(std::move(host), async::Deadline::after(kLookupsTurn));
  (void)seats.try_send(std::move(seat));
  co_return found;
}

}  // namespace

Task<Result<std::vector<std::string>>> Proxy::look_up(Gate::State& gate, std::string host) {
  ACLOUD_CO_TRY(auto seat,
                co_await async::with_deadline(async::Deadline::after(kLookupTime),
                                              "waiting to look a name up", gate.lookups.receive()));
  auto found = co_await look_up_in(gate.lookups, *seat, host).shielded();
  if (!found && found.error().code() == ErrorCode::not_found)
    co_return fail(ErrorCode::unavailable, "{}", found.error().message());
  co_return found;
}

Task<Result<net::Response>> Proxy::open_tunnel(std::shared_ptr<Passage> passage) {
  ACLOUD_CO_TRY(const auto addresses, co_await admit(*passage));
  Result<std::unique_ptr<net::ByteStream>> outside = fail(ErrorCode::unavailable, "");
  for (const Address& address : addresses) {
    const auto by = async::Deadline::after(options_.connect_time / static_cast<int>(addresses.size()));
    passage->address = address;
    outside = co_await net::connect(dialled(address, passage->target.port), by);
    if (outside) break;
  }
  if (!outside) co_return std::unexpected(std::move(outside).error());
  ACLOUD_CO_CHECK(passage->let_through(*passage->address, self()));
  net::Response response{.status = 200};
  // A std::function is copied, a stream is not: shared by the copies.
  std::shared_ptr<net::ByteStream> remote = *std::move(outside);
  response.take_over = [this, passage, remote](std::unique_ptr<net::ByteStream> inside) {
    return tunnel(passage, remote, std::move(inside));
  };
  co_return response;
}

namespace {

template <class Passage>
Task<Result<>> pump(Passage& passage, net::ByteStream& from, net::ByteStream& to,
                    std::uint64_t Passage::* count, std::chrono::milliseconds quiet) {
  while (true) {
    auto bytes =
        co_await async::with_deadline(async::Deadline::after(quiet), "waiting for a byte", from.read());
    if (!bytes && bytes.error().code() == ErrorCode::deadline_exceeded &&
        passage.last_byte + quiet > async::EventLoop::current()->now()) {
      continue;  // the other way was busy
    }
    if (!bytes) co_return std::unexpected(std::move(bytes).error());
    passage.last_byte = async::EventLoop::current()->now();
    if (bytes->empty()) co_return co_await to.shutdown();
    passage.*count += bytes->size();
    ACLOUD_CO_CHECK(
        co_await async::with_deadline(async::Deadline::after(quiet), "passing bytes on", to.write(*bytes)));
  }
}

// Both ways to their ends, which is an error to whoever waits beside it.
template <class Passage>
Task<Result<>> run_tunnel(Passage& passage, net::ByteStream& inside, net::ByteStream& outside,
                          std::chrono::milliseconds quiet) {
  std::vector<Task<Result<>>> both;
  both.push_back(pump(passage, inside, outside, &Passage::sent, quiet));
  both.push_back(pump(passage, outside, inside, &Passage::received, quiet));
  const auto done = co_await async::all(std::move(both));
  co_return std::unexpected(done ? Error(ErrorCode::cancelled, "") : done.error());
}

template <class Passage>
Task<Result<>> wait_for_word(Passage& passage) {
  ACLOUD_CO_TRY(const bool told, co_await passage.told.wait());
  co_return fail(told ? ErrorCode::permission_denied : ErrorCode::internal, "{} is no longer allowed",
                 to_string(passage.target));
}

}  // namespace

Task<> Proxy::tunnel(std::shared_ptr<Passage> passage, std::shared_ptr<net::ByteStream> outside,
                     std::unique_ptr<net::ByteStream> inside) {
  std::vector<Task<Result<>>> either;
  either.push_back(run_tunnel(*passage, *inside, *outside, options_.quiet_time));
  either.push_back(wait_for_word(*passage));
  const auto ended = co_await async::all(std::move(either));
  if (!ended && ended.error().code() == ErrorCode::permission_denied) passage->note(ended.error());
  outside->close();
  inside->close();
}

Task<Result<net::Response>> Proxy::forward(net::Request& request, std::shared_ptr<Passage> passage,
                                           std::string target) {
  ACLOUD_CO_TRY(const auto addresses, co_await admit(*passage));
  const auto length = request.body.length();
  net::Request out{.method = request.method,
                   .target = std::move(target),
                   .headers = passed_on(request.headers, passage->target)};
  if (!length || *length > 0) {
    out.body =
        net::Body(std::make_unique<CountedStream>(passage, std::move(request.body), &Passage::sent), length);
  }
  // A client of its own: no connection is shared with another sandbox, which an upstream could be made to
  // confuse with this one.
  net::Client client(*async::EventLoop::current(), {.connect_time = options_.connect_time,
                                                    .first_byte_time = options_.quiet_time,
                                                    .between_bytes_time = options_.quiet_time});
  // One address: what a body has lost to the first can't be sent to a second.
  ACLOUD_CO_CHECK(passage->let_through(addresses.front(), self()));
  const net::Origin origin{"http", to_string(addresses.front()), passage->target.port};
  ACLOUD_CO_TRY(net::Response response, co_await client.send(origin, std::move(out)));
  const auto expected = response.body.length();
  if (response.body.is_stream() || expected.value_or(1) > 0) {
    response.body = net::Body(
        std::make_unique<CountedStream>(passage, std::move(response.body), &Passage::received), expected);
  }
  co_return response;
}

}  // namespace acloud::sandbox::egress
