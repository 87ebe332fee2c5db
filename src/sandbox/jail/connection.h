// How the server awaits a message: what wire.h does without waiting, as tasks.
#pragma once

#include <string_view>

#include "async/wait.h"
#include "base/error.h"
#include "sandbox/jail/protocol.h"

namespace acloud::sandbox::jail {

// The next message. Errors: unavailable (the other end is gone), cancelled.
Task<Result<Received>> await_message(int socket);

// The next message, which should be a `Message`; a Failure becomes its error.
// Errors: what the Failure says; unavailable; cancelled; internal (something else came).
template <class Message>
Task<Result<std::pair<Message, std::vector<Fd>>>> await_reply(int socket) {
  ACLOUD_CO_TRY(Received received, co_await await_message(socket));
  if (const auto failure = decode<Failure>(received.bytes)) {
    co_return std::unexpected(Error(failure->code, failure->message));
  }
  std::optional<Message> message = decode<Message>(received.bytes);
  if (!message) co_return fail(ErrorCode::internal, "the jail gave an unexpected answer");
  co_return std::pair(*std::move(message), std::move(received.fds));
}

}  // namespace acloud::sandbox::jail
