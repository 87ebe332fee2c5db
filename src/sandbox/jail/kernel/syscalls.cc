#include "sandbox/jail/kernel/syscalls.h"

#include <fmt/format.h>

#include <cerrno>

namespace acloud::sandbox::jail {

Result<Fd> open_file(int folder, const std::string& path, int flags, mode_t mode) {
  Fd fd(::openat(folder, path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return fail_errno(errno, fmt::format("cannot open {}", path));
  return fd;
}

Result<> write_file(int folder, const std::string& path, std::string_view text) {
  ACLOUD_TRY(const Fd fd, open_file(folder, path, O_WRONLY));
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return fail_errno(errno, fmt::format("cannot write '{}' to {}", text, path));
  }
  return {};
}

Result<std::string> read_file(int folder, const std::string& path) {
  ACLOUD_TRY(const Fd fd, open_file(folder, path, O_RDONLY));
  std::string text(64 * 1024, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0) return fail_errno(errno, fmt::format("cannot read {}", path));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace acloud::sandbox::jail
