#include "task/trigger/webhook.h"

#include "base/encoding.h"
#include "task/trigger/signature.h"

namespace acloud::task::trigger {
namespace {

constexpr std::string_view kHooks = "/hooks/";
constexpr std::size_t kHeaderMost = 200;  // bytes of a header that is told
// What senders say of the event beside its body.
constexpr std::array<std::string_view, 6> kTold{"content-type",   "user-agent",   "x-github-event",
                                                "x-gitlab-event", "x-event-type", "x-event-key"};

Json event_of(const net::Headers& headers, const std::string& body) {
  Json event = {{"type", "webhook"}, {"headers", Json::object()}};
  for (const std::string_view name : kTold) {
    const std::string_view value = headers.value(name);
    if (!value.empty() && value.size() <= kHeaderMost && is_utf8(value))
      event["headers"][std::string(name)] = value;
  }
  if (is_utf8(body)) {
    event["body"] = body;
  } else {
    event["body_base64"] = to_base64(body);
  }
  return event;
}

}  // namespace

Task<Result<>> Webhook::accept(net::Request& request) {
  const std::string id(request.path().substr(kHooks.size()));
  if (request.method != "POST")
    co_return fail(ErrorCode::invalid_argument, "webhooks come by POST, not {}", request.method);
  ACLOUD_CO_TRY(const auto trigger, co_await triggers_.webhook(id));
  if (!trigger) co_return fail(ErrorCode::not_found, "no webhook has this address");
  ACLOUD_CO_TRY(const std::string body, co_await request.body.read_all(kBodyMost));
  ACLOUD_CO_TRY(std::string delivery, check_signature(trigger->secret, request.headers, body, clock_.now()));
  co_return co_await triggers_.accept(*trigger, std::move(delivery), event_of(request.headers, body));
}

Task<net::Response> Webhook::handle(net::Request& request) {
  const auto accepted = co_await accept(request);
  net::Response response;
  response.headers.add("content-type", "application/json");
  if (accepted) {
    response.status = 202;
    response.body = net::Body(std::string(R"({"accepted":true})"));
    co_return response;
  }
  const Error& error = accepted.error();
  response.status = traits(error.code()).http_status;
  if (const auto after = error.retry_after()) {
    response.headers.add("retry-after",
                         std::to_string(std::chrono::ceil<std::chrono::seconds>(*after).count()));
  }
  response.body =
      net::Body(to_text({{"error", {{"code", traits(error.code()).name}, {"message", error.message()}}}}));
  co_return response;
}

}  // namespace acloud::task::trigger
