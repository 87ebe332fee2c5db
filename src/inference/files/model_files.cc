#include "inference/files/model_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/encoding.h"
#include "inference/engine/file_digest.h"

namespace acloud::inference {
namespace {

constexpr std::size_t kNameBytes = 200;
constexpr std::size_t kDigestDigits = 64;
constexpr std::string_view kSuffix = ".gguf";
constexpr std::size_t kReadAtOnce = 1UZ << 20U;

Result<> check_name(std::string_view name) {
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (plain && !name.starts_with('.') && name.ends_with(kSuffix) && name.size() <= kNameBytes) return {};
  return fail(
      ErrorCode::invalid_argument,
      "name: {:?} is not the name of a model file: letters, digits, '.', '_' and '-', with {} at its end",
      to_valid_utf8(name.substr(0, kNameBytes)), kSuffix);
}

// "https://host/a/b.gguf?download=true" is "b.gguf".
std::string name_from(std::string_view source) {
  source = source.substr(0, source.find_first_of("?#"));
  return std::string(source.substr(source.rfind('/') + 1));
}

Result<> sync_folder(const std::string& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return fail_errno(errno, folder);
  const int synced = ::fsync(file);
  const int why = errno;
  ::close(file);
  if (synced != 0) return fail_errno(why, folder);
  return {};
}

Result<ModelFile> file_at(const std::string& folder, const std::string& name) {
  struct stat status{};
  if (::stat(fmt::format("{}/{}", folder, name).c_str(), &status) != 0 || !S_ISREG(status.st_mode))
    return fail(ErrorCode::not_found, "there is no model file {}", name);
  return ModelFile{.name = name, .bytes = status.st_size, .modified = status.st_mtim.tv_sec};
}

std::string part_path(const std::string& folder, const std::string& name) {
  return fmt::format("{}/.{}.part", folder, name);
}

}  // namespace

class ModelFiles::Claim {
 public:
  static Result<Claim> of(ModelFiles& files, const std::string& name) {
    const std::scoped_lock lock(files.mutex_);
    if (!files.claimed_.insert(name).second)
      return fail(ErrorCode::conflict, "{} is being pulled or deleted", name);
    return Claim(files, name);
  }
  Claim(Claim&& other) noexcept
      : files_(std::exchange(other.files_, nullptr)), name_(std::move(other.name_)) {}
  Claim& operator=(Claim&&) = delete;
  ~Claim() {
    if (files_ == nullptr) return;
    const std::scoped_lock lock(files_->mutex_);
    files_->claimed_.erase(name_);
  }

 private:
  Claim(ModelFiles& files, std::string name) : files_(&files), name_(std::move(name)) {}
  ModelFiles* files_;
  std::string name_;
};

// A file that is being written. What can't be gone on with is removed with it.
class ModelFiles::Part {
 public:
  // Blocks, as all of it. `keep`: goes on with what an earlier one left, and leaves something itself.
  static Result<std::unique_ptr<Part>> open(const std::string& folder, const std::string& name, bool keep) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(errno, folder);
    const std::string path = part_path(folder, name);
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return fail_errno(errno, path);
    std::unique_ptr<Part> part(new Part(path, file, keep));
    ACLOUD_CHECK(keep ? part->read_again() : part->begin_anew());
    return part;
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() {
    ::close(file_);
    if (!moved_ && (!keep_ || size_ == 0)) ::unlink(path_.c_str());
  }

  const std::string& path() const { return path_; }
  std::int64_t size() const { return size_; }

  Result<> append(std::string_view bytes) {
    hash_.update(bytes);
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(file_, bytes.data(), bytes.size(), size_);
      if (written < 0) return fail_errno(errno, path_);
      size_ += written;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }
  Result<> begin_anew() {
    hash_ = Sha256();
    size_ = 0;
    if (::ftruncate(file_, 0) != 0) return fail_errno(errno, path_);
    return {};
  }
  Result<std::string> finish() {
    if (::fsync(file_) != 0) return fail_errno(errno, path_);
    return to_hex(hash_.finish());
  }
  Result<> move_to(const std::string& path) {
    if (::rename(path_.c_str(), path.c_str()) != 0) return fail_errno(errno, path);
    moved_ = true;
    return {};
  }
  // What was written is of no use.
  void spoil() { keep_ = false; }

 private:
  Part(std::string path, int file, bool keep) : path_(std::move(path)), file_(file), keep_(keep) {}

  Result<> read_again() {
    std::string piece(kReadAtOnce, '\0');
    for (;;) {
      const ssize_t got = ::pread(file_, piece.data(), piece.size(), size_);
      if (got < 0) return fail_errno(errno, path_);
      if (got == 0) return {};
      hash_.update({piece.data(), static_cast<std::size_t>(got)});
      size_ += got;
    }
  }

  std::string path_;
  int file_;
  bool keep_;
  bool moved_ = false;
  std::int64_t size_ = 0;
  Sha256 hash_;
};

std::string ModelFiles::path_of(const std::string& file) const {
  return file.contains('/') ? file : fmt::format("{}/{}", folder_, file);
}

Task<Result<ModelFiles::Pulled>> ModelFiles::fetch(const Wanted& wanted, Progress progress) {
  // Without a digest nobody could tell that the source has changed meanwhile.
  const bool keep = wanted.sha256.has_value();
  ACLOUD_CO_TRY(auto part,
                co_await async::run_blocking(pool_, [&] { return Part::open(folder_, wanted.name, keep); }));
  ACLOUD_CO_TRY(Opened source, co_await open_source(pool_, wanted.source, part->size()));
  if (source.begins != part->size()) ACLOUD_CO_CHECK(part->begin_anew());
  if (source.begins != part->size())
    co_return fail(ErrorCode::unavailable, "source: it was asked for its beginning and gave another part");
  ACLOUD_CO_CHECK(co_await progress(part->size(), source.size));
  for (;;) {
    ACLOUD_CO_TRY(const std::string bytes, co_await source.bytes.read());
    if (bytes.empty()) break;
    ACLOUD_CO_CHECK(co_await async::run_blocking(pool_, [&] { return part->append(bytes); }));
    ACLOUD_CO_CHECK(co_await progress(part->size(), source.size));
  }
  if (source.size && *source.size != part->size())
    co_return fail(ErrorCode::unavailable, "source: it ended after {} of {} bytes", part->size(),
                   *source.size);
  co_return co_await async::run_blocking(pool_, [&]() -> Result<Pulled> {
    ACLOUD_TRY(const std::string digest, part->finish());
    const auto sound = [&]() -> Result<> {
      if (wanted.sha256 && *wanted.sha256 != digest)
        return fail(ErrorCode::invalid_argument, "sha256: the file has {}", digest);
      return check_model({.file = part->path()}, check_);
    }();
    if (!sound) {
      part->spoil();
      return std::unexpected(sound.error());
    }
    ACLOUD_CHECK(part->move_to(fmt::format("{}/{}", folder_, wanted.name)));
    ACLOUD_CHECK(sync_folder(folder_));
    ACLOUD_TRY(ModelFile file, file_at(folder_, wanted.name));
    return Pulled{.file = std::move(file), .sha256 = digest};
  });
}

Task<Result<ModelFiles::Pulled>> ModelFiles::pull(Wanted wanted, Progress progress) {
  if (wanted.name.empty()) wanted.name = name_from(wanted.source);
  ACLOUD_CO_CHECK(check_name(wanted.name));
  if (wanted.sha256) {
    std::ranges::transform(*wanted.sha256, wanted.sha256->begin(), [](char c) {
      return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (wanted.sha256->size() != kDigestDigits ||
        wanted.sha256->find_first_not_of("0123456789abcdef") != std::string::npos)
      co_return fail(ErrorCode::invalid_argument, "sha256: not {} hexadecimal digits", kDigestDigits);
  }
  ACLOUD_CO_TRY(const Claim claim, Claim::of(*this, wanted.name));
  const std::string place = fmt::format("{}/{}", folder_, wanted.name);
  if (auto there = file_at(folder_, wanted.name)) {
    ACLOUD_CO_TRY(const std::string bytes,
                  co_await async::run_blocking(pool_, [&] { return file_digest(place); }));
    const std::string digest = to_hex(bytes);
    if (wanted.sha256 == digest)
      co_return Pulled{.file = *std::move(there), .sha256 = digest, .was_there = true};
    co_return fail(ErrorCode::conflict,
                   "there is a model file {} already (SHA-256 {}): delete it, or name this one", wanted.name,
                   digest);
  }
  co_return co_await fetch(wanted, std::move(progress));
}

Task<Result<std::vector<ModelFile>>> ModelFiles::list() {
  co_return co_await async::run_blocking(pool_, [this]() -> Result<std::vector<ModelFile>> {
    std::vector<ModelFile> files;
    DIR* folder = ::opendir(folder_.c_str());
    if (folder == nullptr) {
      if (errno == ENOENT) return files;
      return fail_errno(errno, folder_);
    }
    while (const dirent* entry = ::readdir(folder)) {
      const std::string name = entry->d_name;
      if (!check_name(name)) continue;
      if (auto file = file_at(folder_, name)) files.push_back(*std::move(file));
    }
    ::closedir(folder);
    std::ranges::sort(files, {}, &ModelFile::name);
    return files;
  });
}

Task<Result<>> ModelFiles::remove(std::string name) {
  ACLOUD_CO_CHECK(check_name(name));
  ACLOUD_CO_TRY(const Claim claim, Claim::of(*this, name));
  co_return co_await async::run_blocking(pool_, [&]() -> Result<> {
    const bool had_part = ::unlink(part_path(folder_, name).c_str()) == 0;
    const auto file = file_at(folder_, name);
    if (!file && !had_part) return std::unexpected(file.error());
    if (file && ::unlink(fmt::format("{}/{}", folder_, name).c_str()) != 0) return fail_errno(errno, name);
    return sync_folder(folder_);
  });
}

}  // namespace acloud::inference
