// Skills over MCP (io.modelcontextprotocol/skills): a skill's files are resources under skill://<name>/.
#pragma once

#include "surfaces/library.h"
#include "surfaces/mcp/revision.h"

namespace acloud::surfaces::mcp {

// Entries of skills/list, as JSON texts.
std::vector<std::string> skill_entries(const std::vector<Skill>& skills);
// Entries of resources/list: each skill's SKILL.md.
std::vector<std::string> skill_resources(const std::vector<Skill>& skills);
// Errors: invalid_params where `params.uri` is no skill's.
Rpc<Answer> get_skill(const std::vector<Skill>& skills, const Json& params);
// What is directly in the folder `params.uri`. Errors: invalid_params where it is none.
Rpc<Answer> read_directory(const std::vector<Skill>& skills, const Json& params);
// The list `contents`. Errors: resource_not_found.
Rpc<std::string> read_skill(const std::vector<Skill>& skills, std::string_view uri);
// Whether SKILL.md or a page: the type of a file by its name.
std::string_view mime_type(std::string_view path);

}  // namespace acloud::surfaces::mcp
