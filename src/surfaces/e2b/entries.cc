#include "surfaces/e2b/entries.h"

#include <sys/stat.h>

#include <sstream>

#include "base/clock.h"

namespace acloud::surfaces::e2b {
namespace {

constexpr unsigned kModeBits = 07777;

// As `ls -l` writes it.
std::string permissions_of(unsigned mode, bool folder, bool link) {
  std::string text(1, folder ? 'd' : link ? 'L' : '-');
  for (int bit = 8; bit >= 0; --bit) text += (mode >> bit & 1) != 0 ? "xwr"[bit % 3] : '-';
  return text;
}

std::string name_of(const std::string& path) {
  const std::size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return "/";
  return path.substr(0, end + 1).substr(path.find_last_of('/', end) + 1);
}

Json entry_of(const std::string& path, std::string_view type, std::int64_t size, unsigned mode) {
  return {{"name", name_of(path)},
          {"path", path},
          {"type", type},
          {"size", std::to_string(size)},
          {"mode", mode & kModeBits},
          {"permissions", permissions_of(mode, type == "FILE_TYPE_DIRECTORY", type == "FILE_TYPE_SYMLINK")}};
}

std::string_view type_of(unsigned mode) {
  if (S_ISDIR(mode)) return "FILE_TYPE_DIRECTORY";
  if (S_ISLNK(mode)) return "FILE_TYPE_SYMLINK";
  return S_ISREG(mode) ? "FILE_TYPE_FILE" : "FILE_TYPE_UNSPECIFIED";
}

std::string_view type_named(std::string_view type) {
  if (type == "directory") return "FILE_TYPE_DIRECTORY";
  if (type == "symlink") return "FILE_TYPE_SYMLINK";
  return type == "file" ? "FILE_TYPE_FILE" : "FILE_TYPE_UNSPECIFIED";
}

}  // namespace

Result<Json> entry_from_stat(const std::string& path, const std::string& line) {
  std::istringstream words(line);
  unsigned mode = 0;
  std::int64_t size = 0, changed = 0;
  std::string owner, group;
  if (!(words >> std::hex >> mode >> std::dec >> size >> changed >> owner >> group))
    return fail(ErrorCode::internal, "{}: stat has said \"{}\"", path, line.substr(0, 200));
  Json entry = entry_of(path, type_of(mode), size, mode);
  entry["owner"] = owner;
  entry["group"] = group;
  entry["modifiedTime"] = to_rfc3339(from_unix(changed));
  return entry;
}

Json entry_from_info(const Json& info) {
  const auto mode = static_cast<unsigned>(std::strtoul(info.value("mode", "0").c_str(), nullptr, 8));
  Json entry = entry_of(info.value("path", ""), type_named(info.value("type", "")),
                        info.value("size", std::int64_t{0}), mode);
  const auto owner = info.value("owner", std::int64_t{0});
  entry["owner"] = owner == 0 ? "root" : std::to_string(owner);
  entry["group"] = entry["owner"];
  entry["modifiedTime"] = info.value("modified", "");
  if (info.contains("target")) entry["symlinkTarget"] = info["target"];
  return entry;
}

}  // namespace acloud::surfaces::e2b
