// The one way from sandboxes to the network: an HTTP proxy in the server, for CONNECT and for absolute
// http:// addresses.
//
// It has no address of its own. Each sandbox that may reach something has a socket on its own loopback, whose
// connections the proxy accepts itself (net::Server::Door), so it knows for each which sandbox's rules hold;
// there is nothing to log in with, and nothing to be stolen. Names are looked up here, and what was checked
// is what is dialled. Each connection leaves a record for the audit, allowed or not.
//
// Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "async/event_loop.h"
#include "kernel/record.h"
#include "net/server.h"
#include "sandbox/egress/rules.h"
#include "sandbox/jail/fd.h"

namespace acloud::sandbox::egress {

class Proxy {
 public:
  static constexpr std::size_t kConnectionsMost = 128;  // of a sandbox, open at once
  static constexpr std::size_t kLookupsMost = 4;        // of names, likewise

  struct Options {
    std::chrono::milliseconds connect_time{10'000};
    std::chrono::milliseconds quiet_time{600'000};  // a tunnel without a byte either way ends
    std::function<std::uint16_t()> server_port;     // which sandboxes must not reach; 0 for none
    std::function<void(const kernel::CallRecord&)> audit;
  };
  Proxy(async::LoopThreads& loops, Clock& clock, Random& random, Options options);
  // REQUIRES: no Gate is used any more.
  ~Proxy();
  // Lets connections go on for `grace`. Blocks the calling thread, which must not be a loop's.
  void drain(std::chrono::milliseconds grace);

  // A sandbox's way in. Destroying it closes it and breaks off what goes through it.
  class Gate {
   public:
    ~Gate();
    // Connections that `rules` don't allow are broken off.
    void set(Rules rules);

   private:
    friend class Proxy;
    struct State;
    explicit Gate(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Proxy* proxy_ = nullptr;
    std::shared_ptr<State> state_;  // shared with its connections
    std::unique_ptr<net::Server::Door> door_;
  };
  // `listener` listens inside of the sandbox.
  std::unique_ptr<Gate> open(jail::Fd listener, std::string sandbox, std::string workspace, Rules rules);

 private:
  struct Passage;
  class CountedStream;
  Task<net::Response> handle(net::Request& request);
  Task<Result<net::Response>> pass(net::Request& request, std::shared_ptr<Passage> passage);
  Task<Result<net::Response>> open_tunnel(std::shared_ptr<Passage> passage);
  Task<Result<net::Response>> forward(net::Request& request, std::shared_ptr<Passage> passage,
                                      std::string target);
  Task<Result<std::vector<Address>>> admit(Passage& passage);
  Task<Result<std::vector<std::string>>> look_up(Gate::State& gate, std::string host);
  Task<> tunnel(std::shared_ptr<Passage> passage, std::shared_ptr<net::ByteStream> outside,
                std::unique_ptr<net::ByteStream> inside);
  Self self() const;

  Clock& clock_;
  Random& random_;
  const Options options_;
  std::mutex mutex_;  // of the next
  std::map<std::string, std::shared_ptr<Gate::State>> gates_;
  std::unique_ptr<net::Server> server_;
};

}  // namespace acloud::sandbox::egress
