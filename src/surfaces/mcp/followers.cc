#include "surfaces/mcp/followers.h"

namespace acloud::surfaces::mcp {

void Followers::follow(const std::set<std::string>& uris) {
  std::erase_if(running_, [&uris](auto& entry) {
    if (uris.contains(entry.first)) return false;
    entry.second.request_stop();
    return true;
  });
  for (const std::string& uri : uris) {
    const auto [entry, is_new] = running_.try_emplace(uri);
    if (is_new) scope_.spawn(one(*this, uri).with_stop(entry->second.get_token()));
  }
}

Task<> Followers::end() {
  for (auto& [uri, stop] : running_) stop.request_stop();
  co_await scope_.join();
}

Task<> Followers::one(Followers& followers, std::string uri) {
  // A full queue has enough in it for its reader to look again.
  co_await followers.offer_.follow(followers.caller_, uri, [&followers, &uri] {
    (void)followers.listener_.queue().try_send({Change::Of::resource, uri});
  });
}

}  // namespace acloud::surfaces::mcp
