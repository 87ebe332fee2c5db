#include "model/attempt.h"

#include "base/log.h"
#include "model/guard/guarded_stream.h"
#include "model/upstream_request.h"
#include "model/usage_reader.h"

namespace acloud::model {
namespace {

// A reply up to this size is known whole before its first byte goes to the client.
constexpr std::size_t kWhole = 1 << 20;
// What is translated or looked through by guardrails is kept whole.
constexpr std::size_t kTranslated = 64 << 20;
constexpr std::size_t kErrorBody = 256 * 1024;
// For the end of a stream whose last event has come, so that its connection can be used again.
constexpr std::chrono::milliseconds kEndOfStream{200};

bool is_event_stream(const net::Headers& headers) {
  return headers.value("content-type").starts_with("text/event-stream");
}

}  // namespace

Attempt::Attempt(Client client, const Model& model, const Target& target, Upstreams& upstreams)
    : client_(std::move(client)),
      model_(model),
      target_(target),
      upstreams_(upstreams),
      loop_(*async::EventLoop::current()),
      wishes_{.model = client_.payload.outline.string("model").value_or(model.config.name),
              .usage = asks_for_usage(client_.payload.outline)},
      form_(client_.form),
      began_(loop_.now()) {}

std::int64_t Attempt::input_estimate() const {
  if (!input_estimate_) {
    const net::ReplayBody& body = client_.payload.body;
    input_estimate_ =
        body.in_memory() ? estimate_tokens(body.bytes()) : static_cast<std::int64_t>(body.size() / 4);
  }
  return *input_estimate_;
}

Task<Result<>> Attempt::begin() {
  ACLOUD_CO_TRY(form_, form_for(*target_.provider, client_.form));
  ACLOUD_CO_CHECK(co_await send());
  if (response_->status >= 300) co_return co_await take_error();
  for (const auto& [name, value] : client_.headers) headers_.add(name, value);
  headers_.add("content-type", std::string(response_->headers.value("content-type")));
  if (is_event_stream(response_->headers)) co_return co_await begin_stream();
  co_return co_await begin_whole();
}

Task<Result<net::Request>> Attempt::request() {
  // The engine counts the prompt of a chat, which it has in its own form.
  const bool counts = target_.provider->in_process && form_ == Form::anthropic_count_tokens;
  if (!translates() && !counts) {
    co_return request_to(target_, form_, client_.payload, passed_on(client_.payload, form_, target_.model));
  }
  ACLOUD_CO_TRY(const std::string bytes, co_await client_.payload.body.all(kTranslated));
  const Form from = counts ? Form::anthropic_messages : client_.form;
  const Form to = counts ? Form::openai_chat : form_;
  ACLOUD_CO_TRY(TranslatedRequest translated, translate_request(from, to, bytes, target_.model));
  wishes_.namespaces = std::move(translated.namespaces);
  for (const std::string& what : translated.left_out) headers_.add("x-acloud-left-out", what);
  auto request = request_to(target_, form_, client_.payload, net::Body(std::move(translated.body)));
  if (request && !translated.beta.empty()) request->headers.add("anthropic-beta", translated.beta);
  co_return request;
}

Task<Result<>> Attempt::send() {
  ACLOUD_CO_TRY(net::Request request, co_await this->request());
  telemetry::put_trace(request.headers, client_.trace);
  const ProviderConfig& provider = target_.provider->config;
  const net::Client::Times times{
      .connect = provider.connect_time,
      .first_byte = client_.streams ? provider.first_token_time : provider.total_time,
      .between_bytes = client_.streams ? provider.between_tokens_time : provider.total_time};
  const Instant before = loop_.now();
  asked_ = true;
  auto response = co_await (
      target_.provider->in_process
          ? ask_engine(std::move(request))
          : upstreams_.client(provider.ca_file).send(target_.provider->origin, std::move(request), times));
  waited_ += loop_.now() - before;
  if (!response) {
    if (response.error().details().value("phase", "") == "connect") asked_ = false;
    Error error = std::move(response).error();
    if (error.code() == ErrorCode::cancelled) co_return std::unexpected(std::move(error));
    co_return std::unexpected(std::move(error).within("provider " + provider.name));
  }
  response_ = *std::move(response);
  co_return Result<>();
}

Task<Result<net::Response>> Attempt::ask_engine(net::Request request) {
  ACLOUD_CO_TRY(inference::Endpoint* const engine, upstreams_.engine());
  co_return co_await engine->answer(client_.workspace, std::move(request));
}

Task<Result<>> Attempt::take_error() {
  auto bytes = co_await response_->body.read_all(kErrorBody);
  Error error = upstream_error(target_.provider->config.name, target_.provider->config.dialect,
                               response_->status, bytes ? *bytes : std::string());
  if (const auto after = retry_after(response_->headers)) {
    co_return std::unexpected(std::move(error).with_retry_after(*after));
  }
  co_return std::unexpected(std::move(error));
}

Task<Result<std::string>> Attempt::read() {
  const Instant before = loop_.now();
  auto piece = co_await response_->body.read();
  waited_ += loop_.now() - before;
  co_return piece;
}

// --- Streams ---

std::unique_ptr<StreamPipe> Attempt::pipe() const {
  auto pipe = translates() ? translate_stream(form_, client_.form, wishes_)
                           : pass_stream(client_.form, wishes_.usage);
  if (!guarded()) return pipe;
  return guard::guarded(std::move(pipe), client_.form, client_.guard, client_.findings);
}

// What a guardrail says is not the provider's doing.
Error Attempt::from_provider(Error error) const {
  if (guard::is_blocked(error)) return error;
  return std::move(error).within("provider " + target_.provider->config.name);
}

Task<Result<>> Attempt::begin_stream() {
  headers_.add("cache-control", "no-store");
  pipe_ = pipe();
  while (!learned_.first_token && !learned_.done && out_.size() < kWhole) {
    ACLOUD_CO_TRY(const bool more, co_await take_piece());
    if (!more) break;
  }
  co_return Result<>();
}

// The next bytes through the pipe. False at the end.
Task<Result<bool>> Attempt::take_piece() {
  ACLOUD_CO_TRY(const std::string piece, co_await read());
  ACLOUD_CO_CHECK(cutter_.feed(piece));
  RawEvent event;
  Result<> taken;
  while (taken && cutter_.next(event)) taken = pipe_->take(event, out_, last_);
  if (taken && piece.empty()) taken = pipe_->end(out_, last_);
  ended_ = piece.empty();
  learned_ = pipe_->learned();
  if (learned_.first_token && !first_token_at_) first_token_at_ = loop_.now();
  if (learned_.first_token) client_.on_progress(*this);
  if (!taken) co_return std::unexpected(from_provider(std::move(taken).error()));
  co_return !piece.empty() && !learned_.done;
}

Task<Result<>> Attempt::finish_stream() {
  bool more = !learned_.done && !ended_;
  while (more) {
    ACLOUD_CO_CHECK(co_await to_client());
    auto next = co_await take_piece();
    if (!next) {
      (void)co_await to_client();  // what came before it broke
      co_return std::unexpected(std::move(next).error());
    }
    more = *next;
  }
  if (!ended_) {
    (void)co_await async::with_deadline(async::Deadline::after(kEndOfStream), "the stream's end", read());
  }
  if (client_.stream.begun()) {
    ACLOUD_CO_CHECK(co_await to_client());
    client_.answer = {{}, std::move(last_)};
  } else {
    client_.answer = {std::move(headers_), out_ + last_};
  }
  co_return Result<>();
}

Task<Result<>> Attempt::to_client() {
  if (out_.empty() || client_.gone) {
    out_.clear();
    co_return Result<>();
  }
  const Instant before = loop_.now();
  kernel::ReplyStream& stream = client_.stream;
  const auto written =
      stream.begun() ? co_await stream.write(out_) : co_await stream.begin(std::exchange(headers_, {}), out_);
  waited_ += loop_.now() - before;
  out_.clear();
  if (!written && !client_.gone) client_.on_gone();
  co_return Result<>();
}

// --- Replies in one piece ---

std::size_t Attempt::kept_whole() const { return translates() || guarded() ? kTranslated : kWhole; }

Task<Result<>> Attempt::begin_whole() {
  if (const auto type = headers_.value("content-type"); type.empty())
    headers_.set("content-type", "application/json");
  while (out_.size() <= kept_whole()) {
    ACLOUD_CO_TRY(const std::string piece, co_await read());
    if (piece.empty()) co_return take_whole();
    if (const auto fed = outline_.feed(piece); !fed) {
      co_return fail(ErrorCode::unavailable, "provider {}: its reply is not what it should be: {}",
                     target_.provider->config.name, fed.error().message());
    }
    out_ += piece;
  }
  if (kept_whole() == kTranslated)
    co_return fail(ErrorCode::unavailable,
                   "the upstream's reply is too large to be translated or looked through");
  large_ = true;
  co_return Result<>();
}

Result<> Attempt::take_whole() {
  learned_.done = learned_.first_token = true;
  first_token_at_ = loop_.now();
  if (const auto whole = outline_.finish(); !whole) {
    return fail(ErrorCode::unavailable, "provider {}: its reply is not what it should be: {}",
                target_.provider->config.name, whole.error().message());
  }
  if (translates()) {
    ACLOUD_TRY(TranslatedReply reply, translate_reply(form_, client_.form, out_, wishes_));
    learned_.tokens = reply.tokens;
    learned_.whole_figures = reply.tokens.has_value();
    learned_.output_estimate = reply.output_estimate;
    learned_.note_id(reply.id);
    learned_.note_finish(reply.finish);
    return put_whole(std::move(reply.body));
  }
  if (const JsonOutline::Field* usage = outline_.find("usage")) {
    learned_.tokens = usage_in_reply(form_, usage->text);
    learned_.whole_figures = learned_.tokens.has_value();
  }
  if (!learned_.tokens) learned_.output_estimate = estimate_tokens(find_json_value(out_, "content"));
  if (client_.trace.sampled && !large_) note_end();
  return put_whole(std::move(out_));
}

// What a trace tells of a whole reply.
void Attempt::note_end() {
  const auto text = [](std::string_view json) {
    const bool is_text = json.size() >= 2 && json.front() == '"';
    return is_text ? json.substr(1, json.size() - 2) : std::string_view();
  };
  const auto field = [&](std::string_view name) {
    const JsonOutline::Field* found = outline_.find(name);
    return found != nullptr ? text(found->text) : std::string_view();
  };
  learned_.note_id(field("id"));
  learned_.note_finish(form_ == Form::anthropic_messages ? field("stop_reason")
                       : form_ == Form::openai_responses ? field("status")
                                                         : text(find_json_value(out_, "finish_reason")));
}

Result<> Attempt::put_whole(std::string body) {
  if (guarded()) {
    ACLOUD_TRY(auto masked, client_.guard.inspect(body, guard::Side::reply, client_.findings));
    if (masked) body = *std::move(masked);
  }
  client_.answer = {std::move(headers_), std::move(body)};
  return {};
}

// More than is kept: it goes on as it comes, but for the piece that is the last so far.
Task<Result<>> Attempt::finish_large() {
  for (;;) {
    ACLOUD_CO_TRY(std::string piece, co_await read());
    if (piece.empty()) break;
    ACLOUD_CO_CHECK(outline_.feed(piece));
    ACLOUD_CO_CHECK(co_await to_client());
    out_ = std::move(piece);
  }
  co_return take_whole();
}

Task<Result<>> Attempt::finish() {
  if (pipe_) co_return co_await finish_stream();
  if (large_) co_return co_await finish_large();
  co_return Result<>();
}

}  // namespace acloud::model
