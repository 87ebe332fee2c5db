// What carries messages to an outside server and back: its standard streams, or HTTP. Of one event loop.
//
// A server may say anything at any time. What it sends is bounded here: a message's size, how much of it may
// be no message at all, how many messages nobody asked for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/wait.h"
#include "mcp/protocol.h"

namespace acloud::mcp {

inline constexpr std::size_t kMessageBytes = 16 << 20;

struct Request {
  std::string method;
  std::string params;  // JSON text of an object
  // What HTTP says again in headers (2026-07-28): Mcp-Name, and each Mcp-Param-<first>.
  std::string name = "";
  std::vector<std::pair<std::string, std::string>> arguments = {};
};

// Hears what a server says by itself. Called on the transport's loop.
class Hearer {
 public:
  virtual ~Hearer() = default;
  virtual void tools_changed() = 0;
  // The connection is over; said once.
  virtual void lost(const Error& why) = 0;
};

class Transport {
 public:
  explicit Transport(Hearer& hearer) : hearer_(hearer) {}
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // The response, whether that is a result or an error. A server is told of a request that is given up.
  // Errors: unavailable: the connection is over, or the answer is none; cancelled.
  virtual Task<Result<Message>> request(Request request) = 0;
  // Errors: as request().
  virtual Task<Result<>> notify(std::string method, std::string params) = 0;
  // The revision that all further messages are of.
  virtual void speak(std::string_view version) = 0;
  // Hears of changes until the server or the task ends, where the transport has another stream for that.
  // `request`: what asks for them in the revision that is spoken; without a method: nothing does.
  virtual Task<> listen(Request request) = 0;
  // Ends the connection: requests that are under way end with an error. To be awaited before it is destroyed.
  virtual Task<> close() = 0;

 protected:
  // Takes what is no response. The answer to a request of the server's, to be sent to it; else "".
  std::string take(const Message& message);
  // Errors: unavailable: too many messages that nobody asked for.
  Result<> count_unasked();
  Hearer& hearer() { return hearer_; }

 private:
  Hearer& hearer_;
  Instant window_{};
  std::size_t unasked_ = 0;
};

// The object for logs and messages: who this client is, as JSON text of an Implementation.
std::string client_info(std::string_view version);

}  // namespace acloud::mcp
