// The MCP surface: streamable HTTP at /mcp and /mcp/<product>, in both revisions.
//
// It decides nothing: a tool's call becomes a Call, and what may be listed goes by the caller's grants. How
// the revisions begin differs here; else they differ in revision.h and exchange.h alone.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "kernel/call_path.h"
#include "net/http.h"
#include "surfaces/mcp/changes.h"
#include "surfaces/mcp/methods.h"
#include "surfaces/mcp/sessions.h"

namespace acloud::surfaces::mcp {

class Mcp {
 public:
  static constexpr std::size_t kBodyBytes = 16 << 20;

  struct Parts {
    kernel::CallPath& path;
    Clock& clock;
    Random& random;
    async::LoopThreads& loops;
    store::Database& database;
    std::string instance;              // names this run of the server
    const Library* library;            // null where there is nothing to read
    std::string version;               // of the program
    bool tls = false;                  // the server speaks it itself
    std::vector<std::string> origins;  // web origins beside this machine's own that may send requests
    bool conformance = false;          // serve the fixtures of the public conformance suite
  };
  // The catalog must be whole.
  explicit Mcp(Parts parts);
  ~Mcp();

  bool takes(const net::Request& request) const;
  Task<net::Response> handle(net::Request& request);
  // The tools of `product` are others than before: says so to those who listen. Thread-safe.
  void changed(std::string_view product);
  static std::vector<store::Migration> migrations() { return TaskRecords::migrations(); }
  // What has to be done each second or so.
  Task<Result<>> maintain() { return tasks_.maintain(); }
  // Ends the streams of changes, so that nothing waits for their clients. Thread-safe.
  void set_draining();
  // Ends what runs as a task. REQUIRES: the calling thread runs no loop; no request comes any more.
  void stop();

 private:
  struct Address;
  struct Incoming;
  class SseOutlet;

  void add(std::string path, std::unique_ptr<Offer> offer, std::unique_ptr<Changes> changes, bool open);
  Task<net::Response> route(Incoming& incoming);
  Task<net::Response> post(Incoming& incoming);
  Task<Rpc<net::Response>> stand_alone(Incoming& incoming, Message message);
  Task<Rpc<net::Response>> in_session(Incoming& incoming, Message message);
  Rpc<net::Response> initialize(Incoming& incoming, const Message& message);
  Rpc<Answer> session_method(Incoming& incoming, Session& session, const Message& message);
  Task<Rpc<net::Response>> answer(Incoming& incoming, Message message, Client client,
                                  std::shared_ptr<Session> session);
  Rpc<net::Response> listen(Incoming& incoming, const Message& message);
  net::Response listen_session(Incoming& incoming, std::shared_ptr<Session> session);
  bool allowed_origin(const net::Request& request) const;
  net::Response metadata(const net::Request& request, std::string_view path) const;

  Parts parts_;
  const std::string server_;  // who this is: an Implementation as JSON text
  Seal seal_;
  Sessions sessions_;
  Tasks tasks_;
  std::map<std::string, std::unique_ptr<Address>, std::less<>> addresses_;
};

}  // namespace acloud::surfaces::mcp
