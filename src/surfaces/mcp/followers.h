// Follows resources for one stream of changes, for as long as the stream lives. Loop thread only.
#pragma once

#include <map>
#include <set>

#include "async/task_scope.h"
#include "surfaces/mcp/changes.h"
#include "surfaces/mcp/offer.h"

namespace acloud::surfaces::mcp {

class Followers {
 public:
  // What is seen is put into the listener's queue. All outlive this.
  Followers(Offer& offer, const kernel::Caller& caller, Changes::Listener& listener)
      : offer_(offer), caller_(caller), listener_(listener) {}

  // From now on these are followed, and no others.
  void follow(const std::set<std::string>& uris);
  // To be awaited before this goes.
  Task<> end();

 private:
  static Task<> one(Followers& followers, std::string uri);

  Offer& offer_;
  const kernel::Caller& caller_;
  Changes::Listener& listener_;
  async::TaskScope scope_;
  std::map<std::string, std::stop_source> running_;
};

}  // namespace acloud::surfaces::mcp
