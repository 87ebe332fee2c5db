#include "surfaces/mcp/skills.h"

#include <set>

#include "base/encoding.h"
#include "surfaces/mcp/methods.h"

namespace acloud::surfaces::mcp {
namespace {

constexpr std::string_view kScheme = "skill://";

std::string uri_of(const Skill& skill, std::string_view path) {
  return fmt::format("{}{}/{}", kScheme, skill.name, path);
}

OrderedJson entry_of(const Skill& skill) {
  OrderedJson files = OrderedJson::array();
  for (const SkillFile& file : skill.files) {
    files.push_back({{"uri", uri_of(skill, file.path)},
                     {"digest", "sha256:" + to_hex(sha256(file.content))},
                     {"size", file.content.size()}});
  }
  return {{"uri", uri_of(skill, "SKILL.md")},
          {"frontmatter", skill.frontmatter},
          {"resources", std::move(files)}};
}

}  // namespace

std::string_view mime_type(std::string_view path) {
  if (path.ends_with(".md")) return "text/markdown";
  if (path.ends_with(".json")) return "application/json";
  return "text/plain";
}

std::vector<std::string> skill_entries(const std::vector<Skill>& skills) {
  std::vector<std::string> entries;
  entries.reserve(skills.size());
  for (const Skill& skill : skills) entries.push_back(entry_of(skill).dump());
  return entries;
}

std::vector<std::string> skill_resources(const std::vector<Skill>& skills) {
  std::vector<std::string> resources;
  for (const Skill& skill : skills) {
    const OrderedJson resource{{"uri", uri_of(skill, "SKILL.md")},
                               {"name", skill.name},
                               {"description", skill.description},
                               {"mimeType", "text/markdown"}};
    resources.push_back(resource.dump());
  }
  return resources;
}

Rpc<Answer> get_skill(const std::vector<Skill>& skills, const Json& params) {
  ACLOUD_TRY(const std::string uri, text_param(params, "uri"));
  for (const Skill& skill : skills) {
    if (uri_of(skill, "SKILL.md") != uri) continue;
    return Answer{.members = R"("skill":)" + entry_of(skill).dump(), .cacheable = true};
  }
  return refuse_with(Code::invalid_params, "no skill is at " + to_valid_utf8(uri.substr(0, 200)),
                     {{"uri", uri}});
}

Rpc<Answer> read_directory(const std::vector<Skill>& skills, const Json& params) {
  ACLOUD_TRY(std::string uri, text_param(params, "uri"));
  if (!uri.ends_with('/')) uri += '/';
  std::vector<std::string> children;
  std::set<std::string> folders;
  for (const Skill& skill : skills) {
    for (const SkillFile& file : skill.files) {
      const std::string whole = uri_of(skill, file.path);
      if (!whole.starts_with(uri)) continue;
      const std::string rest = whole.substr(uri.size());
      const std::size_t slash = rest.find('/');
      if (slash != rest.npos && !folders.insert(rest.substr(0, slash)).second) continue;
      const std::string name = rest.substr(0, slash);
      const OrderedJson child{{"uri", uri + name},
                              {"name", name},
                              {"mimeType", slash == rest.npos ? mime_type(name) : "inode/directory"}};
      children.push_back(child.dump());
    }
  }
  if (children.empty() || uri == kScheme)
    return refuse_with(Code::invalid_params, "no folder is at " + to_valid_utf8(uri.substr(0, 200)),
                       {{"uri", uri}});
  ACLOUD_TRY(std::string members, page("resources", children, params));
  return Answer{.members = std::move(members), .cacheable = true};
}

Rpc<std::string> read_skill(const std::vector<Skill>& skills, std::string_view uri) {
  for (const Skill& skill : skills) {
    for (const SkillFile& file : skill.files) {
      if (uri_of(skill, file.path) != uri) continue;
      const OrderedJson contents =
          OrderedJson::array({{{"uri", uri}, {"mimeType", mime_type(file.path)}, {"text", file.content}}});
      return contents.dump();
    }
  }
  return refuse(Code::resource_not_found, "no resource is at {}", to_valid_utf8(uri.substr(0, 200)));
}

}  // namespace acloud::surfaces::mcp
