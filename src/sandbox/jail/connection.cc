#include "sandbox/jail/connection.h"

#include "net/socket.h"

namespace acloud::sandbox::jail {

Task<Result<Received>> await_message(int socket) {
  while (true) {
    ACLOUD_CO_TRY(std::optional<Received> received, receive(socket));
    if (received) co_return *std::move(received);
    ACLOUD_CO_CHECK(co_await net::wait_readable(socket));
  }
}

}  // namespace acloud::sandbox::jail
