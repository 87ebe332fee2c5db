// The operation of SandboxService on ports: connections from outside to what listens in a sandbox.
#include "net/socket.h"
#include "sandbox/sandbox_service.h"

namespace acloud::sandbox {
namespace {

// While it is there the sandbox is in use, and so is not paused.
class PortStream final : public net::ByteStream {
 public:
  PortStream(Use sandbox, std::int64_t port, std::unique_ptr<net::ByteStream> stream)
      : sandbox_(std::move(sandbox)), port_(port), stream_(std::move(stream)) {}

  Task<Result<std::string>> read() override {
    auto bytes = co_await stream_->read();
    if (!bytes) co_return std::unexpected(explained(std::move(bytes).error()));
    co_return bytes;
  }
  Task<Result<>> write(std::string_view bytes) override {
    auto written = co_await stream_->write(bytes);
    if (!written) co_return std::unexpected(explained(std::move(written).error()));
    co_return written;
  }
  Task<Result<>> shutdown() override { return stream_->shutdown(); }
  void close() override { stream_->close(); }

 private:
  // The connection is made while its first byte waits, so this may be the refusal.
  Error explained(Error error) const {
    if (error.code() != ErrorCode::unavailable) return error;
    return Error(ErrorCode::unavailable,
                 fmt::format("port {} of sandbox {}: {}; does a program listen there, on 127.0.0.1 or on all "
                             "addresses?",
                             port_, sandbox_->id(), error.message()));
  }

  Use sandbox_;
  std::int64_t port_;
  std::unique_ptr<net::ByteStream> stream_;
};

}  // namespace

Task<Result<PortConnection>> SandboxService::connect_port(kernel::Context& context, ConnectPort request) {
  if (!context.wants_bytes()) {
    co_return fail(ErrorCode::invalid_argument,
                   "a connection is no JSON: ask over HTTP, at /sandboxes/{}/ports/{}/", request.id,
                   request.port);
  }
  ACLOUD_CO_TRY(auto found, co_await sandboxes_.find(context.workspace(), request.id));
  Use sandbox(std::move(found));
  ACLOUD_CO_TRY(jail::Fd socket,
                co_await sandbox->connect(static_cast<std::uint16_t>(request.port), soon(context)));
  auto stream = std::make_unique<PortStream>(std::move(sandbox), request.port, net::adopt(socket.release()));
  context.reply_with_bytes(net::Body(std::move(stream)), {{"content-type", "application/octet-stream"}});
  co_return PortConnection{.id = std::move(request.id), .port = request.port, .content = {}};
}

}  // namespace acloud::sandbox
