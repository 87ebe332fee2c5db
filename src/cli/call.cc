#include "cli/call.h"

#include <ostream>

#include "base/encoding.h"
#include "cli/input.h"
#include "cli/progress.h"
#include "net/sse.h"

namespace acloud::cli {
namespace {

constexpr std::size_t kLargestReply = 256 << 20;

OrderedJson json_or_text(const std::string& data) {
  if (!parse_json(data)) return data;
  return OrderedJson::parse(data, nullptr, false);
}

class Call {
 public:
  Call(Server& server, const Operation& operation, Request request, const Options& options,
       const World& world)
      : server_(server),
        operation_(operation),
        request_(std::move(request)),
        options_(options),
        world_(world),
        output_(world, options) {}

  Task<Outcome<>> run() {
    if (options_.all) co_return co_await every_page();
    auto response = co_await send();
    if (!response) co_return std::unexpected(std::move(response).error());
    if (response->headers.value("content-type").starts_with("text/event-stream")) {
      co_return co_await read_events(*response);
    }
    if (output_.format() == Format::raw) co_return co_await copy(*response);
    const auto text = co_await response->body.read_all(kLargestReply);
    if (!text) co_return std::unexpected(Failure(text.error()));
    co_return output_.reply(*text);
  }

 private:
  std::string_view accepts() const {
    if (wants_events()) return "text/event-stream";
    const bool raw = output_.format() == Format::raw && operation_.body_out;
    return raw ? "application/octet-stream" : "application/json";
  }

  // A stream is written as it comes, unless one JSON value or one table is asked for.
  bool wants_events() const {
    return operation_.streams && (!options_.output || *options_.output == Format::ndjson);
  }

  Task<Outcome<net::Response>> send() {
    net::Headers headers{{"Accept", std::string(accepts())}};
    if (options_.idempotency_key) headers.add("Idempotency-Key", *options_.idempotency_key);
    if (options_.dry_run) headers.add("Prefer", "dry-run");
    // The server needs not go on with what nobody waits for any more.
    if (options_.timeout)
      headers.add("Acloud-Timeout-S",
                  fmt::format("{}", std::chrono::duration<double>(*options_.timeout).count()));
    std::string path = fmt::format("/api/{}/{}", to_percent(operation_.product), to_percent(operation_.name));
    if (!request_.body_path) {
      headers.add("Content-Type", "application/json");
      co_return co_await server_.post(std::move(path), std::move(headers), net::Body(request_.fields.dump()));
    }
    auto body = body_of(*request_.body_path, world_.in);
    if (!body) co_return std::unexpected(Failure(body.error()));
    char separator = '?';
    for (const auto& [name, value] : request_.fields.items()) {
      const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      path += fmt::format("{}{}={}", separator, to_percent(name), to_percent(text));
      separator = '&';
    }
    headers.add("Content-Type", "application/octet-stream");
    co_return co_await server_.post(std::move(path), std::move(headers), *std::move(body));
  }

  Task<Outcome<>> copy(net::Response& response) {
    for (;;) {
      const auto bytes = co_await response.body.read();
      if (!bytes) co_return std::unexpected(Failure(bytes.error()));
      if (bytes->empty()) co_return Outcome<>();
      ACLOUD_CO_CHECK(output_.bytes(*bytes));
    }
  }

  Task<Outcome<>> read_events(net::Response& response) {
    net::SseParser parser;
    for (;;) {
      const auto bytes = co_await response.body.read();
      if (!bytes) co_return std::unexpected(Failure(bytes.error()));
      if (bytes->empty()) {
        co_return std::unexpected(Error(ErrorCode::unavailable, "the stream ended before its result came"));
      }
      std::vector<net::Event> events;
      ACLOUD_CO_CHECK(parser.feed(*bytes, events));
      for (const net::Event& event : events) {
        if (event.event == "error") co_return std::unexpected(failure_of_event(event, response));
        ACLOUD_CO_CHECK(write_event(event));
        if (event.event == "result") co_return Outcome<>();
      }
    }
  }

  static Failure failure_of_event(const net::Event& event, const net::Response& response) {
    Json data = parse_json(event.data).value_or(Json::object());
    if (!data.contains("error")) data = Json{{"error", std::move(data)}};
    return failure_of(500, data.dump(), response.headers);
  }

  Outcome<> write_event(const net::Event& event) {
    if (output_.format() == Format::table) return show_event(event);
    OrderedJson data = json_or_text(event.data);
    if (event.event == "result") data = output_.selected(data);
    return output_.line(
        {{"event", event.event.empty() ? "message" : event.event}, {"data", std::move(data)}});
  }

  // For people: what carries text is shown as that text, at once.
  Outcome<> show_event(const net::Event& event) {
    if (event.event == "result") return output_.reply(event.data);
    const OrderedJson data = json_or_text(event.data);
    const auto progress = event.event == "progress" ? progress_line(data) : std::nullopt;
    if (progress) {
      if (world_.err_is_terminal) *world_.err << *progress << std::flush;
      return {};
    }
    for (const char* name : {"text", "data", "delta", "chunk"}) {
      if (!data.is_object() || !data.contains(name) || !data[name].is_string()) continue;
      const std::string text = printable(data[name].get_ref<const std::string&>(), true);
      if (event.event != "stderr") return output_.bytes(text);
      *world_.err << text << std::flush;
      return {};
    }
    return output_.bytes(fmt::format("{}: {}\n", printable(event.event), printable(data.dump())));
  }

  Task<Outcome<>> every_page() {
    std::string last_cursor;
    for (;;) {
      auto response = co_await send();
      if (!response) co_return std::unexpected(std::move(response).error());
      const auto text = co_await response->body.read_all(kLargestReply);
      if (!text) co_return std::unexpected(Failure(text.error()));
      const OrderedJson page = json_or_text(*text);
      if (!page.is_object() || !page.contains("items") || !page["items"].is_array()) {
        co_return std::unexpected(Error(ErrorCode::unavailable, "the server's reply is no list of items"));
      }
      for (const OrderedJson& item : page["items"]) ACLOUD_CO_CHECK(output_.line(output_.selected(item)));
      const auto cursor = page.find("next_cursor");
      if (cursor == page.end() || !cursor->is_string() || cursor->get<std::string>().empty())
        co_return Outcome<>();
      if (cursor->get<std::string>() == last_cursor) {
        co_return std::unexpected(
            Error(ErrorCode::unavailable, "the server's next_cursor leads back to its page"));
      }
      last_cursor = cursor->get<std::string>();
      request_.fields["cursor"] = last_cursor;
    }
  }

  Server& server_;
  const Operation& operation_;
  Request request_;
  const Options& options_;
  const World& world_;
  Output output_;
};

}  // namespace

Task<Outcome<>> call_operation(Server& server, const Operation& operation, Request request,
                               const Options& options, const World& world) {
  if (options.all && !operation.list) {
    co_return std::unexpected(
        Error(ErrorCode::invalid_argument,
              fmt::format("--all is for lists; acloud {} is none", operation.command())));
  }
  if (options.all && options.output && *options.output != Format::ndjson) {
    co_return std::unexpected(
        Error(ErrorCode::invalid_argument, "--all writes NDJSON; leave --output away, or make it ndjson"));
  }
  Call call(server, operation, std::move(request), options, world);
  co_return co_await call.run();
}

}  // namespace acloud::cli
