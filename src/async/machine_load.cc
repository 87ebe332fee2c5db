#include "async/machine_load.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>
#include <system_error>
#include <thread>

namespace acloud::async {

bool processors_are_wanted() {
  static const int file = ::open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
  static const unsigned processors = std::thread::hardware_concurrency();
  std::array<char, 128> buffer;
  const ssize_t size = file < 0 ? -1 : ::pread(file, buffer.data(), buffer.size(), 0);
  if (size <= 0) return true;
  // 0.15 0.08 0.65 RUNNABLE/ALL LAST
  std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  for (int skipped = 0; skipped < 3; ++skipped) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return true;
    text.remove_prefix(space + 1);
  }
  unsigned runnable = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), runnable);
  return error != std::errc() || runnable > processors;
}

}  // namespace acloud::async
