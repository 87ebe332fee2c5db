// One connection of a server, from its first byte to its last: requests are read, handled and answered in
// their order, one at a time.
//
// Include it in .cc files of src/net alone.
#pragma once

#include <stop_token>

#include "net/request_parser.h"
#include "net/server_context.h"
#include "net/server_input.h"
#include "net/server_output.h"

namespace acloud::net {

class ServerConnection {
 public:
  // REQUIRES: runs on the socket's loop; the context outlives it.
  // `door`: the name of the one that the socket came in by; "" for none.
  ServerConnection(ServerContext& context, Socket socket, std::string door = "");
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  // Serves until the connection ends; the socket is closed then.
  Task<> run();
  // Answers 503 to whatever comes first, then ends: the server has as many connections as it may.
  Task<> turn_away();
  // Ends the connection if it is idle, else after the response under way.
  void drain();
  // Ends it now: the handler's task is stopped, reads and writes break.
  void abort();

 private:
  class RequestBody;
  class ChunkWriter;
  class EarlyResponse;
  class Tunnel;

  // server_connection.cc
  Task<bool> open();
  Task<bool> serve_one();
  Task<bool> read_head();
  Task<> refuse(const Refusal& refusal);
  Task<> close();
  Task<> linger();
  void prepare_request();
  void on_expiry(Timeouts::Kind kind);
  void on_input_end();

  // server_exchange.cc
  Task<Response> handle();
  Task<bool> handle_and_answer();
  Task<bool> answer(Response& response);
  Task<Result<>> send_body(Response& response, const Framing& framing);
  Task<Result<>> send_stream(Response& response, const Framing& framing);
  Task<Result<std::string>> read_body();
  Task<Result<>> send_continue();
  bool keeps_alive() const;
  Task<bool> skip_body();

  // server_upgrade.cc
  bool is_upgrade();
  Task<> leave_http(Response& response);
  Task<> run_websocket(Response& response);

  bool has_tls() const { return context_.tls.has_value() && door_.empty(); }

  ServerContext& context_;
  const Limits& limits_;
  const std::string door_;
  Transport transport_;
  Transport::Tls* tls_ = nullptr;  // on the transport, where the server has a certificate
  Timeouts timeouts_;
  Input input_;
  Output output_;
  const std::string peer_;
  std::stop_source stop_;

  // Of the request under way.
  std::optional<RequestParser> parser_;
  RequestBody* body_ = nullptr;  // while the handler's side has it
  std::optional<Error> body_error_;
  std::string head_;  // of the response, kept for its memory
  bool idle_ = true;  // no byte of a request has come
  bool handling_ = false;
  bool continued_ = false;  // 100 Continue was sent
};

}  // namespace acloud::net
