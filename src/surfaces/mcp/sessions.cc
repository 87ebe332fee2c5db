#include "surfaces/mcp/sessions.h"

#include "kernel/visitor.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr std::size_t kWatchedMost = 100;
constexpr std::size_t kUriBytes = 4096;

std::string owner_of(const kernel::Caller& caller, std::string_view address) {
  return fmt::format("{}\n{}\n{}\n{}", caller.workspace, caller.principal, caller.key, address);
}

}  // namespace

Client Session::client() const {
  const std::lock_guard lock(mutex_);
  Client client;
  client.revision = Revision::sessions;
  client.capabilities = capabilities_;
  client.log_level = log_level_;
  return client;
}

void Session::set_log_level(LogLevel level) {
  const std::lock_guard lock(mutex_);
  log_level_ = level;
}

Rpc<> Session::subscribe(const std::string& uri) {
  const std::lock_guard lock(mutex_);
  if (uri.size() > kUriBytes || (watched_.size() >= kWatchedMost && !watched_.contains(uri)))
    return refuse(Code::invalid_params, "uri: at most {} of at most {} bytes can be watched", kWatchedMost,
                  kUriBytes);
  watched_.insert(uri);
  return {};
}

void Session::unsubscribe(const std::string& uri) {
  const std::lock_guard lock(mutex_);
  watched_.erase(uri);
}

bool Session::watches(const std::string& uri) const {
  const std::lock_guard lock(mutex_);
  return watched_.contains(uri);
}

std::set<std::string> Session::watched() const {
  const std::lock_guard lock(mutex_);
  return watched_;
}

async::OneShot<Session::Reply> Session::expect(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return questions_[id];
}

void Session::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  questions_.erase(id);
}

bool Session::answer(const std::string& id, Reply reply) {
  std::optional<async::OneShot<Reply>> question;
  {
    const std::lock_guard lock(mutex_);
    const auto found = questions_.find(id);
    if (found == questions_.end()) return false;
    question = found->second;
    questions_.erase(found);
  }
  return question->set(std::move(reply));
}

bool Session::begin(const std::string& id, std::stop_source stop) {
  const std::lock_guard lock(mutex_);
  return running_.emplace(id, std::move(stop)).second;
}

void Session::end(const std::string& id) {
  const std::lock_guard lock(mutex_);
  running_.erase(id);
}

void Session::cancel(const std::string& id) {
  std::stop_source stop(std::nostopstate);
  {
    const std::lock_guard lock(mutex_);
    const auto found = running_.find(id);
    if (found != running_.end()) stop = found->second;
  }
  stop.request_stop();
}

std::shared_ptr<Session> Sessions::create(const kernel::Caller& caller, std::string_view address,
                                          Json capabilities) {
  auto session = std::make_shared<Session>("mcp_" + random_.hex(16), std::move(capabilities));
  const std::lock_guard lock(mutex_);
  sweep();
  const bool visits = kernel::is_visitor(caller);
  if (visits) make_room_for_visitor();
  entries_[session->id()] = {session, owner_of(caller, address), clock_.instant(), visits};
  return session;
}

std::shared_ptr<Session> Sessions::find(const kernel::Caller& caller, std::string_view address,
                                        const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.owner != owner_of(caller, address)) return nullptr;
  if (clock_.instant() - found->second.used > kIdle) {
    entries_.erase(found);
    return nullptr;
  }
  found->second.used = clock_.instant();
  return found->second.session;
}

void Sessions::erase(const std::string& id) {
  const std::lock_guard lock(mutex_);
  entries_.erase(id);
}

std::size_t Sessions::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

// Only where room is wanted, so that a session costs no look at all the others.
void Sessions::sweep() {
  if (entries_.size() < kMost) return;
  const Instant now = clock_.instant();
  std::erase_if(entries_, [now](const auto& entry) { return now - entry.second.used > kIdle; });
  if (entries_.size() < kMost) return;
  entries_.erase(std::ranges::min_element(entries_, {}, [](const auto& entry) { return entry.second.used; }));
}

void Sessions::make_room_for_visitor() {
  const auto is_visitor = [](const auto& entry) { return entry.second.is_visitor; };
  if (std::cmp_less(std::ranges::count_if(entries_, is_visitor), kMostOfVisitors)) return;
  auto oldest = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (is_visitor(*entry) && (oldest == entries_.end() || entry->second.used < oldest->second.used))
      oldest = entry;
  }
  entries_.erase(oldest);
}

}  // namespace acloud::surfaces::mcp
