#include "sandbox/users.h"

#include <array>
#include <charconv>

#include "base/encoding.h"

namespace acloud::sandbox {
namespace {

constexpr std::size_t kFileMost = 1 << 20;
constexpr std::uint32_t kIdMost = 65'534;

std::optional<std::uint32_t> to_id(std::string_view text) {
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id > kIdMost) return std::nullopt;
  return id;
}

// "name:password:uid:gid:comment:home:shell"
std::optional<User> parse_line(std::string_view line) {
  std::array<std::string_view, 7> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t end = i + 1 < parts.size() ? line.find(':') : line.size();
    if (end == std::string_view::npos) return std::nullopt;
    parts[i] = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  const auto uid = to_id(parts[2]), gid = to_id(parts[3]);
  const bool fine = uid && gid && !parts[0].empty() && is_path(parts[5]) && parts[5].starts_with('/');
  if (!fine) return std::nullopt;
  return User{*uid, *gid, std::string(parts[0]), std::string(parts[5])};
}

}  // namespace

Result<User> find_user(std::string_view passwd, std::string_view name) {
  const auto number = to_id(name);
  while (!passwd.empty()) {
    const std::size_t end = std::min(passwd.find('\n'), passwd.size());
    const auto user = parse_line(passwd.substr(0, end));
    passwd.remove_prefix(std::min(end + 1, passwd.size()));
    if (user && (user->name == name || (number && user->uid == *number))) return *user;
  }
  if (number) return User{*number, *number, std::to_string(*number), "/"};
  return fail(ErrorCode::not_found, "the sandbox has no user {}", to_valid_utf8(name));
}

Result<User> look_up_user(const Place& place, const std::string& name) {
  if (name == "root" || name == "0") return User{};
  std::string text;
  if (auto file = open_to_read(place, "/etc/passwd")) {
    while (text.size() < kFileMost) {
      ACLOUD_TRY(const std::string more, read_some(file->fd.get(), kFileMost - text.size()));
      if (more.empty()) break;
      text += more;
    }
  } else if (file.error().code() != ErrorCode::not_found) {
    return std::unexpected(file.error());
  }
  return find_user(text, name);
}

}  // namespace acloud::sandbox
