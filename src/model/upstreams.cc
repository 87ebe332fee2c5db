#include "model/upstreams.h"

#include <semaphore>

namespace acloud::model {
namespace {

constexpr std::size_t kConnections = 4096;  // to one origin from one loop

}  // namespace

Upstreams::Upstreams(async::LoopThreads& loops, inference::Endpoint* engine) : engine_(engine) {
  for (std::size_t i = 0; i < loops.size(); ++i) loops_.push_back({&loops.at(i), {}});
}

Upstreams::~Upstreams() {
  for (OfLoop& each : loops_) {
    std::binary_semaphore closed(0);
    each.loop->post([&each, &closed] {
      each.clients.clear();
      closed.release();
    });
    closed.acquire();
  }
}

net::Client& Upstreams::client(const std::string& ca_file, net::Reach reach) {
  async::EventLoop* current = async::EventLoop::current();
  const auto found = std::ranges::find(loops_, current, &OfLoop::loop);
  if (found == loops_.end()) throw std::logic_error("a model is called on a loop that has no client");
  auto& client = found->clients[{ca_file, reach}];
  if (!client) {
    net::ClientOptions options;
    options.connections_per_origin = kConnections;
    options.ca_file = ca_file;
    options.reach = reach;
    client = std::make_unique<net::Client>(*current, options);
  }
  return *client;
}

Result<inference::Endpoint*> Upstreams::engine() const {
  if (engine_ == nullptr) return fail(ErrorCode::unavailable, "this server runs no models itself");
  return engine_;
}

}  // namespace acloud::model
