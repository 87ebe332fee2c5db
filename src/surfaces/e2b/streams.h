// Streams of the Connect protocol: the events of one call as frames.
#pragma once

#include "kernel/call_path.h"
#include "net/http.h"
#include "surfaces/e2b/shapes.h"

namespace acloud::surfaces::e2b {

// Writes messages as frames; what derives from it says which event is which message.
class FrameSink : public kernel::EventSink {
 public:
  explicit FrameSink(net::BodyWriter& writer) : writer_(writer) {}
  Task<Result<>> tell(const Json& message, std::uint8_t flags = 0) {
    const std::string bytes = frame(message, flags);
    co_return co_await writer_.write(bytes);
  }

 private:
  net::BodyWriter& writer_;
};

// A call whose reply is a stream, and the frames that come before it.
struct StreamedCall {
  kernel::CallPath& path;
  kernel::Caller caller;
  kernel::Call call;
  std::string first;
};

// Runs the call; an error is the last frame, since a client reads no other.
template <class Sink>
Task<Result<>> run_stream(std::shared_ptr<StreamedCall> streamed, net::BodyWriter& writer) {
  Sink sink(writer);
  if (!streamed->first.empty()) ACLOUD_CO_CHECK(co_await writer.write(streamed->first));
  streamed->call.events = &sink;
  kernel::Gate gate;
  const auto reply = co_await streamed->path.execute(streamed->caller, streamed->call, gate);
  Json end = Json::object();
  if (!reply) {
    end["error"] = connect_error(reply.error());
  } else if (const auto durable = co_await gate.wait(); !durable) {
    end["error"] = connect_error(durable.error());
  }
  co_return co_await sink.tell(end, kEndOfStream);
}

template <class Sink>
net::Response stream(kernel::CallPath& path, const kernel::Caller& caller, kernel::Call call,
                     std::string first = "") {
  auto streamed = std::make_shared<StreamedCall>(path, caller, std::move(call),
                                                 std::move(first));  // kept by the response
  net::Response response;
  response.headers.add("content-type", "application/connect+json");
  response.produce = [streamed](net::BodyWriter& writer) { return run_stream<Sink>(streamed, writer); };
  return response;
}

}  // namespace acloud::surfaces::e2b
