// What a connection sends: bytes with back-pressure, and the heads of responses.
//
// Include it in .cc files of src/net alone.
#pragma once

#include "net/http.h"
#include "net/server_timeouts.h"
#include "net/transport.h"

namespace acloud::net {

// How a response's body is delimited (RFC 9112, section 6.3).
struct Framing {
  enum class Kind { none, length, chunked, until_close };
  Kind kind = Kind::none;
  std::uint64_t length = 0;
  bool send_body = true;  // false for HEAD, which is answered with the head that GET would get
};
Framing framing_of(const Response& response, const std::string& method, bool http_1_0);

// Status line and headers. The server alone says how the body is framed and whether the connection stays, so
// such headers of the response are left out; so is what would end a header's line within its value.
void put_head(std::string& out, const Response& response, const Framing& framing, bool keep_alive,
              bool http_1_0);
// The head of a 101, or of a CONNECT's 200, after which the connection is no longer HTTP.
void put_upgrade_head(std::string& out, const Response& response);

class Output {
 public:
  // `stall`: for how long the peer may take no byte.
  Output(Transport& transport, bool tls, Timeouts& timeouts, Duration stall)
      : transport_(transport), tls_(tls), timeouts_(timeouts), stall_(stall) {}

  // Writes the pieces in one system call where the socket takes them. Returns when the kernel has them all.
  // Errors: unavailable (the peer is gone, or took no byte for too long), cancelled.
  Task<Result<>> write(std::string_view first, std::string_view second = {}, std::string_view third = {});
  // The same, if it can be done at once. False where write_rest() must go on.
  bool write_now(std::string_view first, std::string_view second, std::string_view third = {});
  Task<Result<>> write_rest();

 private:
  bool taken(std::size_t count);

  Transport& transport_;
  bool tls_;
  Timeouts& timeouts_;
  Duration stall_;
  std::array<asio::const_buffer, 3> rest_;
  AsioError error_;
};

}  // namespace acloud::net
