#include "mcp/transport.h"

#include "async/event_loop.h"

namespace acloud::mcp {
namespace {

// A server that logs much stays far below this.
constexpr std::size_t kUnaskedMost = 10'000;
constexpr std::chrono::seconds kWindow{10};

}  // namespace

std::string Transport::take(const Message& message) {
  if (message.kind == Message::Kind::notification) {
    if (message.method == "notifications/tools/list_changed") hearer_.tools_changed();
    return "";
  }
  // No capability of a client is declared, so that nothing but this may be asked of it.
  if (message.method == "ping") return result_message(message.id, "{}");
  return error_message(message.id,
                       {Code::method_not_found, "this client offers no " + message.method, nullptr});
}

Result<> Transport::count_unasked() {
  const Instant now = async::EventLoop::current()->now();
  if (now - window_ > kWindow) {
    window_ = now;
    unasked_ = 0;
  }
  if (++unasked_ <= kUnaskedMost) return {};
  return fail(ErrorCode::unavailable, "it sends more than {} messages in {} s that nobody asked for",
              kUnaskedMost, kWindow.count());
}

std::string client_info(std::string_view version) {
  return OrderedJson{{"name", "acloud"}, {"title", "acloud, an agentic cloud"}, {"version", version}}.dump();
}

}  // namespace acloud::mcp
