#include "telemetry/telemetry.h"

#include "async/wait.h"
#include "net/client.h"

namespace acloud::telemetry {
namespace {

constexpr std::size_t kAnswerBytes = 64 * 1024;

class HttpCollector final : public Collector {
 public:
  HttpCollector(net::Url url, net::Headers headers, std::chrono::milliseconds timeout, std::string ca_file)
      : url_(std::move(url)), headers_(std::move(headers)), timeout_(timeout), ca_file_(std::move(ca_file)) {
    while (url_.target.ends_with('/')) url_.target.pop_back();
  }

  Task<Result<CollectorAnswer>> post(std::string_view path, std::string body) override {
    co_return co_await async::with_deadline(async::Deadline::after(timeout_), "a request to the collector",
                                            exchange(std::string(path), std::move(body)));
  }

 private:
  Task<Result<CollectorAnswer>> exchange(std::string path, std::string body) {
    if (!client_) {
      net::ClientOptions options;
      options.connections_per_origin = 2;
      options.connect_time = timeout_;
      options.ca_file = ca_file_;
      client_ = std::make_unique<net::Client>(*async::EventLoop::current(), options);
    }
    net::Request request{.method = "POST", .target = url_.target + path};
    request.headers = headers_;
    request.headers.set("content-type", "application/json");
    request.headers.set("user-agent", "acloud");
    request.body = net::Body(std::move(body));
    ACLOUD_CO_TRY(net::Response response, co_await client_->send(url_.origin, std::move(request)));
    CollectorAnswer answer{.status = response.status,
                           .retry_after = std::string(response.headers.value("retry-after")),
                           .body = {}};
    // What it says beside its status matters only where it is short.
    if (auto read = co_await response.body.read_all(kAnswerBytes); read) answer.body = *std::move(read);
    co_return answer;
  }

  net::Url url_;
  net::Headers headers_;
  const std::chrono::milliseconds timeout_;
  const std::string ca_file_;
  std::unique_ptr<net::Client> client_;  // made and ended on the exporter's loop
};

Result<net::Headers> headers_of(const TelemetryConfig& config, const Telemetry::Parts& parts) {
  net::Headers headers;
  for (const auto& [name, reference] : config.headers) {
    auto value = parts.secret_of(reference);
    if (!value) return std::unexpected(std::move(value).error().within("telemetry.headers." + name));
    headers.set(name, *std::move(value));
  }
  return headers;
}

}  // namespace

Result<std::unique_ptr<Telemetry>> Telemetry::make(const TelemetryConfig& config, Parts parts) {
  if (config.endpoint.empty()) return nullptr;
  auto url = net::parse_url(config.endpoint);
  if (!url) return std::unexpected(std::move(url).error().within("telemetry.endpoint"));
  if (url->target.find('?') != std::string::npos)
    return fail(ErrorCode::invalid_argument, "telemetry.endpoint: {} has a query", config.endpoint);
  ACLOUD_TRY(net::Headers headers, headers_of(config, parts));
  auto collector =
      std::make_unique<HttpCollector>(*std::move(url), std::move(headers), config.timeout, config.ca_file);
  return std::unique_ptr<Telemetry>(new Telemetry(config, std::move(parts), std::move(collector)));
}

Telemetry::Telemetry(const TelemetryConfig& config, Parts parts, std::unique_ptr<Collector> collector)
    : content_(config.content),
      exporter_({.resource = {.service = config.service_name,
                              .instance = std::move(parts.instance),
                              .version = std::move(parts.version)},
                 .spans_every = config.spans_every,
                 .metrics_every = config.metrics_every,
                 .queued_spans = static_cast<std::size_t>(config.queued_spans)},
                {.loop = parts.loop,
                 .pool = parts.pool,
                 .clock = parts.clock,
                 .random = parts.random,
                 .collector = std::move(collector),
                 .figures = std::move(parts.figures)}),
      tracer_(exporter_.spans(), parts.clock, parts.random, config.sample_ratio) {}

}  // namespace acloud::telemetry
