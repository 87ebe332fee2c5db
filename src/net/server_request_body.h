// The body of a request, read from its connection as the handler asks for it.
//
// Include it in .cc files of src/net alone.
#pragma once

#include "net/server_connection.h"

namespace acloud::net {

class ServerConnection::RequestBody final : public Stream {
 public:
  explicit RequestBody(ServerConnection& connection) : connection_(&connection) {}
  ~RequestBody() override {
    if (connection_) connection_->body_ = nullptr;
  }

  Task<Result<std::string>> read() override {
    if (!connection_) co_return fail(ErrorCode::unavailable, "the request of this body is over");
    co_return co_await connection_->read_body();
  }
  // The request is over: whoever still has this reads nothing more.
  void detach() { std::exchange(connection_, nullptr)->body_ = nullptr; }

 private:
  ServerConnection* connection_;
};

}  // namespace acloud::net
