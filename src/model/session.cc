#include "model/session.h"

#include "model/policy.h"

namespace acloud::model {
namespace {

constexpr std::size_t kPrefix = 2048;

std::optional<std::string> named(const kernel::Payload& payload) {
  if (const auto header = payload.headers.get("x-session-id")) return std::string(*header);
  if (auto key = payload.outline.string("prompt_cache_key")) return key;
  const auto metadata = payload.outline.value("metadata");
  if (!metadata || !metadata->is_object()) return std::nullopt;
  const auto user = metadata->find("user_id");
  if (user == metadata->end() || !user->is_string()) return std::nullopt;
  return user->get<std::string>();
}

}  // namespace

std::optional<std::uint64_t> session_of(const kernel::Payload& payload, const std::string& workspace,
                                        Affinity affinity) {
  if (affinity == Affinity::none) return std::nullopt;
  const std::uint64_t seed = hash_of(workspace);
  if (const auto name = named(payload)) return hash_of(*name, seed);
  if (affinity == Affinity::session || !payload.body.in_memory()) return std::nullopt;
  std::uint64_t hash = seed;
  bool found = false;
  for (const std::string_view field : {"system", "instructions", "messages", "input"}) {
    const JsonOutline::Field* at = payload.outline.find(field);
    if (at == nullptr) continue;
    found = true;
    const auto size = std::min<std::size_t>(at->end - at->begin, kPrefix);
    hash = hash_of(std::string_view(payload.body.bytes()).substr(at->begin, size), hash);
  }
  return found ? std::optional(hash) : std::nullopt;
}

}  // namespace acloud::model
