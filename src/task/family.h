// Tasks that tasks ask for: a parent and its children.
//
// A child is a task like any other, with a parent in its row. It has no more rights than its parent, no more
// time, and no money but what its parent gives it. When its parent is cancelled or ends, so is it; when it
// ends, its parent is told by a signal of its name, for which the parent can wait as for any signal: as a
// row.
#pragma once

#include "task/tables.h"

namespace acloud::task::family {

inline constexpr std::int64_t kChildrenMost = 1000;  // of one parent at once
inline constexpr std::int64_t kDepthMost = 8;        // a child's child's child ...
inline constexpr std::size_t kToldMost = 64 << 10;   // bytes of a result that its parent is told

store::Migration migration();

inline bool is_task(std::string_view principal) { return principal.starts_with("task_"); }
// The signal by which a parent is told that this child has ended.
inline std::string signal_of(std::string_view child) { return std::string(kChildSignal).append(child); }

// Makes `task` a child of `parent`: to be called before it is added. Its deadline is no later than the
// parent's. Errors: conflict: the parent has ended, or is being stopped; too_large: too many children, or too
// deep.
Result<> adopt(store::Transaction& tx, NewTask& task, const std::string& parent);

// Those below `id` that have not ended are cancelled. Gives their ids.
Result<std::vector<std::string>> interrupt_below(store::Transaction& tx, const std::string& id, Time now);

// Tells the parent of `id`, if it has one, that the task ended so. Gives the parent, or "".
Result<std::string> tell_parent(store::Transaction& tx, const std::string& id, const Ending& ending,
                                Time now);

// The last `most` children, the newest first.
Result<std::vector<std::string>> children_of(store::Reader& reader, const std::string& id, std::int64_t most);

}  // namespace acloud::task::family
