#include "cli/skills_export.h"

#include <filesystem>
#include <fstream>

#include "cli/names.h"

namespace acloud::cli {
namespace {

constexpr std::string_view kAddress = "/.well-known/skills/";
constexpr std::size_t kSkillsMost = 1000;
constexpr std::size_t kFilesMost = 1000;
constexpr std::size_t kFileBytes = 4 << 20;

std::unexpected<Failure> not_a_list(std::string_view what) {
  return std::unexpected(
      Failure(Error(ErrorCode::internal,
                    fmt::format("{}index.json: {}; is this an acloud server?", kAddress, shown(what)))));
}

Task<Outcome<std::string>> fetch(Server& server, std::string path) {
  ACLOUD_CO_TRY(net::Response response, co_await server.get(path, {}));
  auto text = co_await response.body.read_all(kFileBytes);
  if (!text) co_return std::unexpected(Failure(text.error()));
  if (response.status >= 400) co_return std::unexpected(failure_of(response.status, *text, response.headers));
  co_return *std::move(text);
}

Outcome<> write_file(const std::filesystem::path& path, const std::string& text) {
  std::error_code failed;
  std::filesystem::create_directories(path.parent_path(), failed);
  if (!failed) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (file) return {};
  }
  return std::unexpected(
      Failure(Error(ErrorCode::invalid_argument,
                    fmt::format("{} can't be written{}", path.string(),
                                failed ? fmt::format(": {}", failed.message()) : std::string()))));
}

}  // namespace

bool is_skill_path(std::string_view path) {
  bool begins = true;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || (!begins && (c == '.' || c == '-'));
    if (c == '/' && !begins) {
      begins = true;
    } else if (plain) {
      begins = false;
    } else {
      return false;
    }
  }
  return !begins && path.size() <= 256;
}

Task<Outcome<OrderedJson>> export_skills(Server& server, std::string folder) {
  ACLOUD_CO_TRY(const std::string text, co_await fetch(server, std::string(kAddress) + "index.json"));
  const auto index = parse_json(text);
  if (!index || !index->is_object() || !index->contains("skills") || !(*index)["skills"].is_array() ||
      (*index)["skills"].size() > kSkillsMost)
    co_return not_a_list("no list of skills");
  OrderedJson written = OrderedJson::array();
  for (const Json& skill : (*index)["skills"]) {
    const bool whole = skill.is_object() && skill.contains("name") && skill["name"].is_string() &&
                       skill.contains("files") && skill["files"].is_array() &&
                       skill["files"].size() <= kFilesMost;
    if (!whole) co_return not_a_list("a skill without name or files");
    const std::string name = skill["name"];
    if (!is_skill_path(name) || name.contains('/')) co_return not_a_list("not a skill's name: " + name);
    for (const Json& file : skill["files"]) {
      const std::string path = file.is_string() ? file.get<std::string>() : "";
      if (!is_skill_path(path)) co_return not_a_list("not a skill's file: " + path);
      ACLOUD_CO_TRY(const std::string content,
                    co_await fetch(server, fmt::format("{}{}/{}", kAddress, name, path)));
      ACLOUD_CO_CHECK(write_file(std::filesystem::path(folder) / name / path, content));
    }
    written.push_back({{"name", name}, {"files", skill["files"].size()}});
  }
  co_return OrderedJson{{"folder", folder}, {"skills", std::move(written)}};
}

}  // namespace acloud::cli
