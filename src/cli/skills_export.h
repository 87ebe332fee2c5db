// `acloud skills export DIR`: writes the server's skills to a folder, for agents that read them from disk.
#pragma once

#include "cli/output.h"
#include "cli/server.h"

namespace acloud::cli {

// DIR/<skill>/SKILL.md and what else belongs to each, in place of files of those names; others stay. What the
// server names is checked: nothing is written outside of DIR. Gives {"folder", "skills": [{"name",
// "files"}]}. Errors: those of Server::get; invalid_argument where DIR can't be written to; internal where
// the server's list is not what it should be.
Task<Outcome<OrderedJson>> export_skills(Server& server, std::string folder);

// True for a path of a skill's file that is safe to write: parts of letters, digits, '.', '_' and '-', none
// of which begins with a dot.
bool is_skill_path(std::string_view path);

}  // namespace acloud::cli
