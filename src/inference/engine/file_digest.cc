#include "inference/engine/file_digest.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/encoding.h"

namespace acloud::inference {

Result<std::string> file_digest(const std::string& path) {
  constexpr std::size_t kAtOnce = 1UZ << 20U;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return fail_errno(errno, path);
  Sha256 hash;
  std::string piece(kAtOnce, '\0');
  ssize_t got = 0;
  while ((got = ::read(file, piece.data(), piece.size())) > 0)
    hash.update({piece.data(), static_cast<std::size_t>(got)});
  const int why = errno;
  ::close(file);
  if (got < 0) return fail_errno(why, path);
  return hash.finish();
}

}  // namespace acloud::inference
