#include "inference/endpoint/endpoint.h"

#include <cstring>

#include "base/encoding.h"
#include "inference/endpoint/chat_reply.h"
#include "inference/endpoint/chat_request.h"

namespace acloud::inference {
namespace {

constexpr std::size_t kMostBody = 64UZ << 20U;

net::Response json_response(std::string body, int status = 200) {
  net::Response response;
  response.status = status;
  response.headers.add("content-type", "application/json");
  response.body = std::move(body);
  return response;
}

net::Response error_response(const Error& error) {
  net::Response response = json_response(error_body(error), traits(error.code()).http_status);
  if (const auto after = error.retry_after())
    response.headers.add("retry-after-ms", std::to_string(after->count()));
  return response;
}

// The events of a reply, made as they are read.
class EventStream final : public net::Stream {
 public:
  EventStream(ReplyHead head, std::unique_ptr<Generation> generation, std::optional<Delta> first,
              bool include_usage)
      : head_(std::move(head)),
        generation_(std::move(generation)),
        next_(std::move(first)),
        include_usage_(include_usage),
        out_(first_event(head_)) {}

  Task<Result<std::string>> read() override {
    if (ended_) co_return std::string();
    std::string events = std::exchange(out_, {});
    if (!first_taken_) {
      first_taken_ = true;
    } else {
      auto delta = co_await generation_->next();
      if (!delta) {
        ended_ = true;
        if (delta.error().code() == ErrorCode::cancelled) co_return std::unexpected(std::move(delta).error());
        co_return "data: " + error_body(delta.error()) + "\n\n";
      }
      next_ = *std::move(delta);
    }
    if (next_) {
      events += delta_event(head_, *next_);
    } else {
      ended_ = true;
      events += last_events(head_, generation_->outcome(), include_usage_);
    }
    co_return events;
  }

 private:
  ReplyHead head_;
  std::unique_ptr<Generation> generation_;
  std::optional<Delta> next_;
  bool include_usage_;
  bool first_taken_ = false;
  bool ended_ = false;
  std::string out_;
};

Task<Result<std::string>> whole_reply(Generation& generation, std::optional<Delta> delta,
                                      const ReplyHead& head) {
  WholeReply reply;
  while (delta) {
    reply.add(*delta);
    ACLOUD_CO_TRY(delta, co_await generation.next());
  }
  co_return reply.finish(head, generation.outcome());
}

Json embedding_json(const std::vector<float>& numbers, bool base64) {
  if (!base64) return numbers;
  std::string bytes(numbers.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), numbers.data(), bytes.size());  // little-endian, as clients expect it
  return to_base64(bytes);
}

}  // namespace

Task<Result<net::Response>> Endpoint::answer(std::string workspace, net::Request request) {
  Result<net::Response> response = co_await route(std::move(workspace), request);
  if (!response && response.error().code() != ErrorCode::cancelled)
    co_return error_response(response.error());
  co_return response;
}

Task<Result<net::Response>> Endpoint::route(std::string workspace, net::Request& request) {
  const std::string path(request.path());
  ACLOUD_CO_TRY(std::string body, co_await request.body.read_all(kMostBody));
  if (path.ends_with("/chat/completions")) co_return co_await chat(std::move(workspace), std::move(body));
  if (path.ends_with("/embeddings")) co_return co_await embed(std::move(body));
  if (path.ends_with("/count_tokens")) co_return co_await count(std::move(body));
  co_return fail(ErrorCode::not_found, "models that run here have no {}", path);
}

Task<Result<net::Response>> Endpoint::chat(std::string workspace, std::string body) {
  ACLOUD_CO_TRY(const std::string name, model_of(body));
  ACLOUD_CO_TRY(LiveModel* const model, co_await models_.get(name));
  ACLOUD_CO_TRY(ChatCall call,
                read_chat_call(body, model->info().sampling, static_cast<std::uint32_t>(random_.next())));
  call.generate.workspace = std::move(workspace);
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch());
  ReplyHead head{"chatcmpl-" + random_.hex(12), now.count(), call.model};
  ACLOUD_CO_TRY(auto generation, co_await model->generate(std::move(call.generate)));
  // What fails before the first token still has a status of its own.
  ACLOUD_CO_TRY(std::optional<Delta> first, co_await generation->next());
  if (!call.stream) {
    ACLOUD_CO_TRY(std::string reply, co_await whole_reply(*generation, std::move(first), head));
    co_return json_response(std::move(reply));
  }
  net::Response response;
  response.headers.add("content-type", "text/event-stream");
  response.headers.add("cache-control", "no-store");
  response.body = net::Body(std::make_unique<EventStream>(std::move(head), std::move(generation),
                                                          std::move(first), call.include_usage));
  co_return response;
}

Task<Result<net::Response>> Endpoint::embed(std::string body) {
  ACLOUD_CO_TRY(EmbedCall call, read_embed_call(body));
  ACLOUD_CO_TRY(Embedder* const embedder, co_await models_.embedder(call.model));
  ACLOUD_CO_TRY(const Embedded made, co_await embedder->embed(std::move(call.inputs)));
  const std::int64_t size = made.embeddings.empty() ? 0 : std::ssize(made.embeddings.front());
  if (call.dimensions && *call.dimensions != size)
    co_return fail(ErrorCode::invalid_argument, "dimensions: {} gives {} numbers a text", call.model, size);
  Json data = Json::array();
  for (std::size_t i = 0; i < made.embeddings.size(); ++i) {
    data.push_back({{"object", "embedding"},
                    {"index", i},
                    {"embedding", embedding_json(made.embeddings[i], call.base64)}});
  }
  co_return json_response(
      to_text(Json{{"object", "list"},
                   {"data", std::move(data)},
                   {"model", call.model},
                   {"usage", {{"prompt_tokens", made.tokens}, {"total_tokens", made.tokens}}}}));
}

// {"input_tokens": ...} of the prompt that a chat's body makes.
Task<Result<net::Response>> Endpoint::count(std::string body) {
  ACLOUD_CO_TRY(const std::string name, model_of(body));
  ACLOUD_CO_TRY(LiveModel* const model, co_await models_.get(name));
  ACLOUD_CO_TRY(ChatCall call, read_chat_call(body, model->info().sampling, 0));
  ACLOUD_CO_TRY(const std::int32_t tokens, co_await model->count(std::move(call.generate)));
  co_return json_response(to_text(Json{{"input_tokens", tokens}}));
}

}  // namespace acloud::inference
