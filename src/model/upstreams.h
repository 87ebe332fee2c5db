// The ways to the providers: HTTP clients, of which each loop has its own, since a client belongs to its
// loop; and this server's own engine.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "inference/endpoint/endpoint.h"
#include "net/client.h"

namespace acloud::model {

class Upstreams {
 public:
  // REQUIRES: outlived by `loops`, which run, and by `engine`, which may be null: none is there.
  Upstreams(async::LoopThreads& loops, inference::Endpoint* engine);
  // Closes the connections, each on its loop. REQUIRES: no call is under way; not on one of the loops.
  ~Upstreams();
  Upstreams(const Upstreams&) = delete;
  Upstreams& operator=(const Upstreams&) = delete;

  // The running loop's client that trusts `ca_file` ("": the system's authorities); for an address that a
  // provider has named, one that reaches the public internet alone. REQUIRES: runs on one of the loops.
  net::Client& client(const std::string& ca_file, net::Reach reach = net::Reach::anywhere);
  // Errors: unavailable where there is none.
  Result<inference::Endpoint*> engine() const;

 private:
  struct OfLoop {
    async::EventLoop* loop;
    // Touched on that loop alone.
    std::map<std::pair<std::string, net::Reach>, std::unique_ptr<net::Client>> clients;
  };
  std::vector<OfLoop> loops_;
  inference::Endpoint* engine_;
};

}  // namespace acloud::model
