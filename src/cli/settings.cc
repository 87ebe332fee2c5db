#include "cli/settings.h"

#include <toml++/toml.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "net/client.h"

namespace acloud::cli {
namespace {

struct File {
  std::string url;
  std::string key;
};

Result<std::string> text_of(const toml::node& node, std::string_view name, const std::string& path) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  return fail(ErrorCode::invalid_argument, "{}:{}: {} must be text in quotes", path, node.source().begin.line,
              name);
}

Result<File> read_configuration(const std::string& path) {
  File file;
  if (path.empty() || !std::filesystem::exists(path)) return file;
  std::ifstream stream(path);
  if (!stream) return fail(ErrorCode::invalid_argument, "{} can't be read", path);
  toml::table table;
  try {
    table = toml::parse(stream, path);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::invalid_argument, "{}:{}: {}", path, error.source().begin.line,
                error.description());
  }
  for (const auto& [name, node] : table) {
    if (name == "url") {
      ACLOUD_TRY(file.url, text_of(node, "url", path));
    } else if (name == "key") {
      ACLOUD_TRY(file.key, text_of(node, "key", path));
    } else {
      return fail(ErrorCode::invalid_argument, "{}:{}: \"{}\" is no setting; there are url and key", path,
                  name.source().begin.line, name.str());
    }
  }
  return file;
}

std::string trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.pop_back();
  return text;
}

// "" where there is none, or where it is not ours to read.
std::string root_key(const std::string& data_folder) {
  std::ifstream stream(data_folder + "/root.key");
  std::string key;
  std::getline(stream, key);
  return trimmed(std::move(key));
}

}  // namespace

std::string configuration_path(const World& world) {
  const std::string folder = world.folder("XDG_CONFIG_HOME", ".config");
  return folder.empty() ? "" : folder + "/config.toml";
}

Result<Settings> find_settings(const Options& options, const World& world) {
  const std::string path = configuration_path(world);
  ACLOUD_TRY(const File file, read_configuration(path));
  Settings settings;
  const auto choose_url = [&](std::string url, std::string from) {
    if (settings.url.empty() && !url.empty())
      settings.url = std::move(url), settings.url_from = std::move(from);
  };
  choose_url(options.url.value_or(""), "--url");
  choose_url(world.variable("ACLOUD_URL"), "ACLOUD_URL");
  choose_url(file.url, path);
  choose_url(std::string(kDefaultUrl), "the default");
  if (const auto url = net::parse_url(settings.url); !url) {
    return fail(ErrorCode::invalid_argument, "{} ({}): {}", settings.url, settings.url_from,
                url.error().message());
  }

  const auto choose_key = [&](std::string key, std::string from) {
    if (settings.key.empty() && !key.empty())
      settings.key = std::move(key), settings.key_from = std::move(from);
  };
  choose_key(options.key.value_or(""), "--key");
  choose_key(world.variable("ACLOUD_API_KEY"), "ACLOUD_API_KEY");
  if (settings.url_from == path || (file.url.empty() && settings.url_from == "the default"))
    choose_key(file.key, path);
  if (settings.url_from == "the default")
    choose_key(root_key(world.data_folder), world.data_folder + "/root.key");
  return settings;
}

}  // namespace acloud::cli
