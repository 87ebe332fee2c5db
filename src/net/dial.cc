#include "net/dial.h"

#include <netdb.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <charconv>

#include "async/asio.h"
#include "net/address.h"
#include "net/socket.h"

namespace acloud::net {
namespace {

// A look-up can hang for half a minute and can't be interrupted, so each has a thread of its own, which is
// left behind when nobody waits any more. This bounds how many there can be at once.
constexpr int kMaxLookups = 64;
std::atomic<int> lookups{0};

using Addresses = std::vector<std::string>;

Result<Addresses> look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    const bool unknown = error == EAI_NONAME || error == EAI_NODATA;
    return fail(unknown ? ErrorCode::not_found : ErrorCode::unavailable, "host \"{}\": {}", host,
                gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  Addresses addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text.data());
    }
  }
  return addresses;
}

void look_up_in_background(std::string host, async::OneShot<Result<Addresses>> found) {
  std::thread([host = std::move(host), found]() mutable {
    found.set(look_up(host));
    --lookups;
  }).detach();
}

Task<Result<Addresses>> await_lookup(async::OneShot<Result<Addresses>> found) {
  ACLOUD_CO_TRY(Result<Addresses> addresses, co_await found.wait());
  co_return addresses;
}

template <class Endpoint>
Task<Result<Socket>> connect_to(Endpoint endpoint, std::string name) {
  Socket socket(async::io_context(*async::EventLoop::current()));
  const auto connected =
      co_await await_asio([&](auto handler) { socket.async_connect(endpoint, std::move(handler)); });
  if (connected.error) co_return fail_asio(connected, name);
  co_return socket;
}

}  // namespace

Task<Result<std::vector<std::string>>> resolve(std::string host, async::Deadline by) {
  AsioError error;
  if (asio::ip::make_address(host, error); !error) co_return Addresses{std::move(host)};
  if (++lookups > kMaxLookups) {
    --lookups;
    co_return fail(ErrorCode::unavailable, "host \"{}\": {} other names are being looked up", host,
                   kMaxLookups);
  }
  async::OneShot<Result<Addresses>> found;
  try {
    look_up_in_background(host, found);
  } catch (const std::system_error& failed) {
    --lookups;
    co_return fail(ErrorCode::unavailable, "host \"{}\": no thread to look it up: {}", host, failed.what());
  }
  co_return co_await async::with_deadline(by, "looking up a host's addresses", await_lookup(found));
}

Task<Result<Socket>> dial_tcp(std::string host, std::uint16_t port, async::Deadline by, Reach reach) {
  Result<Addresses> addresses = co_await resolve(host, by);
  if (!addresses && addresses.error().code() == ErrorCode::not_found) {
    co_return fail(ErrorCode::unavailable, "{}", addresses.error().message());
  }
  if (!addresses) co_return std::unexpected(std::move(addresses).error());
  if (reach == Reach::public_internet) {
    // What is dialled is what was looked at, however often the name is asked for.
    std::erase_if(*addresses, [](const std::string& text) {
      const auto address = parse_address(text);
      return !address || !is_public(*address);
    });
    if (addresses->empty())
      co_return fail(ErrorCode::invalid_argument, "host \"{}\" is not of the public internet", host);
  }

  Result<Socket> result = fail(ErrorCode::unavailable, "host \"{}\" has no address", host);
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    const asio::ip::tcp::endpoint endpoint(asio::ip::make_address((*addresses)[i]), port);
    async::Deadline until = by;
    if (!by.is_never()) {
      const Instant now = async::EventLoop::current()->now();
      until = async::Deadline::at(now + (by.when() - now) / static_cast<int>(addresses->size() - i));
    }
    result = co_await async::with_deadline(until, "connecting",
                                           connect_to(endpoint, fmt::format("{}:{}", host, port)));
    if (result) {
      AsioError ignored;  // a socket that can't do it works without
      result->set_option(asio::ip::tcp::no_delay(true), ignored);
      break;
    }
    if (result.error().code() == ErrorCode::cancelled) break;
  }
  co_return result;
}

Task<Result<Socket>> dial_unix(std::string path, async::Deadline by) {
  if (path.size() > 107) {
    co_return fail(ErrorCode::invalid_argument, "socket \"{}\": a socket's path has at most 107 bytes", path);
  }
  const asio::local::stream_protocol::endpoint endpoint(path);
  co_return co_await async::with_deadline(by, "connecting",
                                          connect_to(endpoint, fmt::format("unix:{}", path)));
}

Result<HostPort> parse_host_port(std::string_view address) {
  const auto colon = address.rfind(':');
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view digits = colon == address.npos ? std::string_view() : address.substr(colon + 1);
  HostPort result{std::string(host), 0};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result.port);
  if (host.empty() || digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return fail(ErrorCode::invalid_argument, "address \"{}\": write HOST:PORT, [V6]:PORT or unix:/PATH",
                address);
  }
  return result;
}

}  // namespace acloud::net
