// Which calls belong together, so that they go where the upstream has their prompt cached.
#pragma once

#include <optional>

#include "kernel/payload.h"
#include "model/model_config.h"

namespace acloud::model {

// session: by what the client names: the x-session-id header, prompt_cache_key, metadata.user_id.
// prefix: also by the first kilobytes of the conversation. Nothing where neither is there. Never the same for
// two workspaces but by chance.
std::optional<std::uint64_t> session_of(const kernel::Payload& payload, const std::string& workspace,
                                        Affinity affinity);

}  // namespace acloud::model
