#include "model/generation/provider_calls.h"

#include "model/pipe.h"

namespace acloud::model::generation {
namespace {

constexpr std::size_t kReplyMost = 1 << 20;
constexpr std::chrono::milliseconds kAskTime{30'000};
constexpr const char* kRefused = "not_begun";

Error refusal(Error error) { return std::move(error).with_detail(kRefused, true); }

// A request of which the provider's server heard nothing.
bool was_not_sent(const Error& error) {
  return error.code() != ErrorCode::cancelled && error.details().is_object() &&
         error.details().value("phase", "") == "connect";
}

Result<net::Request> request_for(const Provider& provider, const GenerationDialect& dialect, Ask what) {
  if (!provider.key) {
    return std::unexpected(refusal(
        Error(ErrorCode::unavailable, fmt::format("provider {} can't be used: its api_key: {}",
                                                  provider.config.name, provider.key.error().message()))
            .with_detail("status", 401)));
  }
  net::Request request;
  request.method = std::move(what.method);
  request.target = provider.base_path + what.path;
  request.headers = std::move(what.headers);
  if (!what.body.empty()) request.headers.add("content-type", "application/json");
  request.body = std::move(what.body);
  request.headers.add("accept", "application/json");
  request.headers.add("user-agent", "acloud");
  if (!provider.key->empty()) request.headers.add("authorization", dialect.authorization(*provider.key));
  for (const auto& [name, value] : provider.config.headers) request.headers.set(name, value);
  return request;
}

Task<Result<Json>> exchange(Upstreams& upstreams, const Provider& provider, net::Request request) {
  const net::Client::Times times{.connect = provider.config.connect_time,
                                 .first_byte = std::min(provider.config.first_token_time, kAskTime)};
  net::Client& client = upstreams.client(provider.config.ca_file);
  auto response = co_await client.send(provider.origin, std::move(request), times);
  if (!response) {
    Error error = std::move(response).error();
    const bool unsent = was_not_sent(error);
    error = std::move(error).within("provider " + provider.config.name);
    co_return std::unexpected(unsent ? refusal(std::move(error)) : std::move(error));
  }
  auto body = co_await response->body.read_all(kReplyMost);
  if (response->status < 200 || response->status > 299) {
    Error error = upstream_error(provider.config.name, provider.config.dialect, response->status,
                                 body ? std::string_view(*body) : std::string_view());
    if (const auto after = retry_after(response->headers)) error = std::move(error).with_retry_after(*after);
    const bool refused = response->status < 500 || response->status == 503;
    co_return std::unexpected(refused ? refusal(std::move(error)) : std::move(error));
  }
  if (!body) co_return std::unexpected(std::move(body).error().within("provider " + provider.config.name));
  auto json = parse_json(*body);
  if (!json || !json->is_object())
    co_return fail(ErrorCode::unavailable, "provider {}: its reply can't be read", provider.config.name);
  co_return *std::move(json);
}

// Fails beyond so many bytes.
class Bounded final : public net::Stream {
 public:
  Bounded(net::Body source, std::uint64_t most) : source_(std::move(source)), most_(most) {}
  Task<Result<std::string>> read() override {
    ACLOUD_CO_TRY(std::string piece, co_await source_.read());
    read_ += piece.size();
    if (read_ > most_)
      co_return fail(ErrorCode::too_large,
                     "a result has more than {} bytes; result_bytes of its provider says "
                     "how many it may have",
                     most_);
    co_return piece;
  }

 private:
  net::Body source_;
  std::uint64_t most_;
  std::uint64_t read_ = 0;
};

// Somebody else's address may lead anywhere: only to the provider itself, or to a host with a public name.
// What that name leads to is looked at when it is dialled (net::Reach).
bool may_lead_to(const net::Origin& origin, const Provider& provider) {
  if (origin == provider.origin) return true;
  if (origin.scheme != "http" && origin.scheme != "https") return false;
  const std::string_view host = origin.host;
  const auto last = host.rfind('.');
  if (last == host.npos || last + 1 == host.size()) return false;
  const std::string_view top = host.substr(last + 1);
  if (top == "local" || top == "internal" || top == "localhost") return false;
  return std::ranges::none_of(host, [](char c) { return c == ':'; }) &&
         std::ranges::any_of(top, [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

bool is_refusal(const Error& error) {
  return error.details().is_object() && error.details().contains(kRefused);
}

bool may_pass(const Error& error) {
  // A key that is refused, an account without money.
  const std::int64_t status =
      error.details().is_object() ? error.details().value("status", std::int64_t{0}) : 0;
  if (status >= 400 && status < 500 && status != 408 && status != 429) return false;
  return error.code() == ErrorCode::unavailable || error.code() == ErrorCode::rate_limited ||
         error.code() == ErrorCode::deadline_exceeded;
}

Task<Result<Json>> ask(Upstreams& upstreams, const Provider& provider, Ask what) {
  const GenerationDialect* dialect = dialect_of(provider.config.dialect);
  if (dialect == nullptr) {
    co_return std::unexpected(
        refusal(Error(ErrorCode::invalid_argument,
                      fmt::format("provider {} makes neither video nor images", provider.config.name))));
  }
  ACLOUD_CO_TRY(net::Request request, request_for(provider, *dialect, std::move(what)));
  co_return co_await async::with_deadline(async::Deadline::after(kAskTime), "asking a provider",
                                          exchange(upstreams, provider, std::move(request)));
}

Task<Result<Fetched>> fetch(Upstreams& upstreams, const Provider& provider, std::string url) {
  ACLOUD_CO_TRY(net::Url at, net::parse_url(url));
  if (!may_lead_to(at.origin, provider)) {
    co_return fail(ErrorCode::invalid_argument,
                   "provider {}: its result is at {}, from where nothing is fetched", provider.config.name,
                   at.origin.host);
  }
  net::Request request;
  request.target = std::move(at.target);
  request.headers.add("accept", "*/*");
  request.headers.add("user-agent", "acloud");
  const net::Client::Times times{.connect = provider.config.connect_time,
                                 .first_byte = std::min(provider.config.first_token_time, kAskTime),
                                 .between_bytes = provider.config.between_tokens_time};
  const bool own = at.origin == provider.origin;
  net::Client& client =
      upstreams.client(provider.config.ca_file, own ? net::Reach::anywhere : net::Reach::public_internet);
  auto response = co_await client.send(at.origin, std::move(request), times);
  if (!response) co_return std::unexpected(std::move(response).error().within("its result"));
  if (response->status != 200) {
    Error error = upstream_error(provider.config.name, provider.config.dialect, response->status, "");
    co_return std::unexpected(std::move(error).within("its result"));
  }
  const auto most = static_cast<std::uint64_t>(provider.config.result.value);
  std::string type(response->headers.value("content-type"));
  co_return Fetched{.content_type = std::move(type),
                    .body = net::Body(std::make_unique<Bounded>(std::move(response->body), most))};
}

async::Deadline by_total_time(const Provider& provider) {
  return async::Deadline::after(provider.config.total_time);
}

}  // namespace acloud::model::generation
