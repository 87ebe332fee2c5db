#include "store/blobs.h"

#include <array>
#include <atomic>

#include "base/encoding.h"
#include "store/keyed_lock.h"

namespace acloud::store {
namespace {

constexpr std::size_t kPiece = 256 * 1024;
constexpr std::string_view kHex = "0123456789abcdef";

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of(kHex) == std::string_view::npos;
}

// Blobs are spread over folders, "00" to "ff".
constexpr std::size_t kFolders = 256;

std::string folder_name(std::size_t i) { return {kHex[i / 16], kHex[i % 16]}; }

// REQUIRES: a digest.
std::size_t folder_of(std::string_view digest) { return kHex.find(digest[0]) * 16 + kHex.find(digest[1]); }

std::string above(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A value on its way to its name. Everything here blocks.
class Staging {
 public:
  Staging(Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  Result<> append(std::string_view bytes) {
    if (!file_) {
      ACLOUD_TRY(file_, disk_.open(path_, Disk::Open::create_new));
    }
    ACLOUD_CHECK(file_->write(size_, bytes));
    size_ += bytes.size();
    hash_.update(bytes);
    return {};
  }

  // Makes the content durable under its staging name, stamped with `now`.
  Result<BlobInfo> finish(Time now) {
    ACLOUD_CHECK(disk_.touch(path_, now));
    ACLOUD_CHECK(file_->sync());
    file_.reset();
    return BlobInfo{to_hex(hash_.finish()), size_};
  }

  // Replaces a blob that has the name already, which was the same bytes: so the stamp is fresh, and a file
  // that had been damaged is whole again.
  Result<> rename_to(const std::string& path) {
    ACLOUD_CHECK(disk_.rename(path_, path));
    return disk_.sync_folder(above(path));
  }

  // Where this fails too, the file stays until the folder is next opened.
  void discard() {
    file_.reset();
    (void)disk_.remove(path_);
  }

 private:
  Disk& disk_;
  std::string path_;
  std::unique_ptr<File> file_;
  std::uint64_t size_ = 0;
  Sha256 hash_;
};

// Reads a range of a blob's file, and checks the content where the range is all of it.
class BlobStream final : public net::Stream {
 public:
  BlobStream(async::BlockingPool& pool, std::unique_ptr<File> file, std::string digest, std::uint64_t offset,
             std::uint64_t length, bool whole)
      : pool_(pool), file_(std::move(file)), digest_(std::move(digest)), offset_(offset), left_(length) {
    if (whole) hash_.emplace();
  }

  Task<Result<std::string>> read() override {
    if (left_ == 0 && !hash_ && intact_) co_return std::string();
    co_return co_await async::run_blocking(pool_, [this] { return next_piece(); });
  }

 private:
  Result<std::string> next_piece() {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kPiece));
    ACLOUD_TRY(std::string bytes, file_->read(offset_, want));
    if (bytes.size() < want) return damaged("has lost bytes");
    offset_ += want;
    left_ -= want;
    if (hash_) hash_->update(bytes);
    if (hash_ && left_ == 0) intact_ = to_hex(std::exchange(hash_, {})->finish()) == digest_;
    if (!intact_) return damaged("is not what was stored");
    return bytes;
  }

  std::unexpected<Error> damaged(std::string_view how) {
    return fail(ErrorCode::internal, "blob {} {}: restore it from a backup, or store it again", digest_, how);
  }

  async::BlockingPool& pool_;
  std::unique_ptr<File> file_;
  std::string digest_;
  std::uint64_t offset_;
  std::uint64_t left_;
  std::optional<Sha256> hash_;  // until the end is reached
  bool intact_ = true;
};

}  // namespace

struct Blobs::Impl {
  Disk& disk;
  std::string folder;
  Clock& clock;
  async::BlockingPool& pool;
  KeyedLock settling{};  // by digest: held while its name is given or taken away
  std::atomic<std::uint64_t> staged{0};
  // The folders that are there and would be after a crash. They are made when they are needed: where a file
  // system takes a millisecond for each, a server on an empty folder would start later for all of them.
  std::array<std::atomic<bool>, kFolders> folder_is_durable{};

  std::string staging_folder() const { return folder + "/staging"; }
  std::string path_of(std::string_view digest) const {
    return fmt::format("{}/{}/{}", folder, digest.substr(0, 2), digest.substr(2));
  }

  Result<> prepare();
  Result<> make_folder_for(const std::string& digest);
  Result<bool> was_put_before(Time time, const std::string& digest);
  Task<Result<BlobInfo>> fill(Staging& staging, net::Body& source, std::uint64_t limit);
  Task<Result<>> settle(Staging& staging, const std::string& digest);
  Result<std::vector<std::string>> put_before(Time time, const std::string& name);
  Task<Result<bool>> remove_if_unused(
      std::string digest, Time before,
      const std::function<Task<Result<bool>>(const std::string&)>& is_referenced);
};

Result<> Blobs::Impl::prepare() {
  ACLOUD_CHECK(disk.make_folders(staging_folder()));
  ACLOUD_TRY(auto there, disk.list(folder));
  std::ranges::sort(there);
  ACLOUD_CHECK(disk.sync_folder(folder));
  ACLOUD_CHECK(disk.sync_folder(above(folder)));
  for (std::size_t i = 0; i < kFolders; ++i) {
    folder_is_durable[i] = std::ranges::binary_search(there, folder_name(i));
  }
  ACLOUD_TRY(const auto left, disk.list(staging_folder()));
  for (const auto& name : left) ACLOUD_CHECK(disk.remove(staging_folder() + "/" + name));
  return {};
}

// A folder that another put has made and not yet synced must not be relied on, so each that finds it so
// syncs.
Result<> Blobs::Impl::make_folder_for(const std::string& digest) {
  const std::size_t i = folder_of(digest);
  if (folder_is_durable[i]) return {};
  ACLOUD_CHECK(disk.make_folders(folder + "/" + folder_name(i)));
  ACLOUD_CHECK(disk.sync_folder(folder));
  folder_is_durable[i] = true;
  return {};
}

Task<Result<BlobInfo>> Blobs::Impl::fill(Staging& staging, net::Body& source, std::uint64_t limit) {
  const auto too_large = [&] {
    return fail(ErrorCode::too_large, "the content is larger than {} bytes", limit);
  };
  if (source.length().value_or(0) > limit) co_return too_large();
  std::uint64_t size = 0;
  std::string piece;
  for (bool at_end = false; !at_end;) {
    ACLOUD_CO_TRY(std::string bytes, co_await source.read());
    size += bytes.size();
    if (size > limit) co_return too_large();
    at_end = bytes.empty();
    if (piece.empty()) {
      piece = std::move(bytes);
    } else {
      piece += bytes;
    }
    if (!at_end && piece.size() < kPiece) continue;
    ACLOUD_CO_CHECK(co_await async::run_blocking(pool, [&] { return staging.append(piece); }));
    piece.clear();
  }
  co_return co_await async::run_blocking(pool, [&] { return staging.finish(clock.now()); });
}

Task<Result<>> Blobs::Impl::settle(Staging& staging, const std::string& digest) {
  const auto held = co_await settling.acquire(digest);
  co_return co_await async::run_blocking(pool, [&]() -> Result<> {
    ACLOUD_CHECK(make_folder_for(digest));
    return staging.rename_to(path_of(digest));
  });
}

// False too where it has gone, as another sweep may have it.
Result<bool> Blobs::Impl::was_put_before(Time time, const std::string& digest) {
  const auto put = disk.modified(path_of(digest));
  if (!put && put.error().code() == ErrorCode::not_found) return false;
  if (!put) return std::unexpected(put.error());
  return *put < time;
}

// The digests in one folder whose blobs were put before `time`.
Result<std::vector<std::string>> Blobs::Impl::put_before(Time time, const std::string& name) {
  const auto rests = disk.list(folder + "/" + name);
  std::vector<std::string> digests;
  if (!rests && rests.error().code() == ErrorCode::not_found) return digests;  // nothing was put there yet
  if (!rests) return std::unexpected(rests.error());
  for (const auto& rest : *rests) {
    const std::string digest = name + rest;
    if (!is_digest(digest)) continue;  // not ours
    ACLOUD_TRY(const bool old, was_put_before(time, digest));
    if (old) digests.push_back(digest);
  }
  return digests;
}

Task<Result<bool>> Blobs::Impl::remove_if_unused(
    std::string digest, Time before,
    const std::function<Task<Result<bool>>(const std::string&)>& is_referenced) {
  const auto held = co_await settling.acquire(digest);
  // It may have been put again since the folder was listed.
  ACLOUD_CO_TRY(const bool old,
                co_await async::run_blocking(pool, [&] { return was_put_before(before, digest); }));
  if (!old) co_return false;
  ACLOUD_CO_TRY(const bool used, co_await is_referenced(digest));
  if (used) co_return false;
  ACLOUD_CO_CHECK(co_await async::run_blocking(pool, [&] { return disk.remove(path_of(digest)); }));
  co_return true;
}

Blobs::Blobs(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Blobs::~Blobs() = default;

Result<std::unique_ptr<Blobs>> Blobs::open(Disk& disk, std::string folder, Clock& clock,
                                           async::BlockingPool& pool) {
  std::unique_ptr<Impl> impl(
      new Impl{.disk = disk, .folder = std::move(folder), .clock = clock, .pool = pool});
  ACLOUD_CHECK(impl->prepare());
  return std::unique_ptr<Blobs>(new Blobs(std::move(impl)));
}

Task<Result<BlobInfo>> Blobs::put(net::Body& source, std::uint64_t limit) {
  Staging staging(impl_->disk, fmt::format("{}/{}", impl_->staging_folder(), ++impl_->staged));
  auto info = co_await impl_->fill(staging, source, limit);
  Result<> settled;
  if (info) settled = co_await impl_->settle(staging, info->digest);
  if (info && settled) co_return info;
  co_await async::run_blocking(impl_->pool, [&] { staging.discard(); });
  co_return std::unexpected(info ? settled.error() : info.error());
}

Task<Result<std::unique_ptr<net::Stream>>> Blobs::get(std::string digest, std::uint64_t offset,
                                                      std::uint64_t length) {
  if (!is_digest(digest)) {
    co_return fail(ErrorCode::invalid_argument,
                   "\"{}\" is no digest: 64 hexadecimal digits in lower case are one",
                   to_valid_utf8(digest.substr(0, 80)));
  }
  std::uint64_t size = 0;
  auto file = co_await async::run_blocking(impl_->pool, [&]() -> Result<std::unique_ptr<File>> {
    ACLOUD_TRY(auto opened, impl_->disk.open(impl_->path_of(digest), Disk::Open::read));
    ACLOUD_TRY(size, opened->size());
    return opened;
  });
  if (!file && file.error().code() == ErrorCode::not_found) {
    co_return fail(ErrorCode::not_found, "there is no blob {}", digest);
  }
  if (!file) co_return std::unexpected(file.error());
  const std::uint64_t from = std::min(offset, size);
  const std::uint64_t bytes = std::min(length, size - from);
  co_return std::make_unique<BlobStream>(impl_->pool, *std::move(file), std::move(digest), from, bytes,
                                         bytes == size);
}

Task<Result<std::uint64_t>> Blobs::sweep(
    std::chrono::seconds grace, std::function<Task<Result<bool>>(const std::string&)> is_referenced) {
  const Time before = impl_->clock.now() - grace;
  std::uint64_t removed = 0;
  for (std::size_t i = 0; i < kFolders; ++i) {
    ACLOUD_CO_TRY(const auto digests, co_await async::run_blocking(impl_->pool, [&] {
                    return impl_->put_before(before, folder_name(i));
                  }));
    for (const auto& digest : digests) {
      if ((co_await async::this_stop_token()).stop_requested()) co_return async::cancelled();
      ACLOUD_CO_TRY(const bool went, co_await impl_->remove_if_unused(digest, before, is_referenced));
      removed += went;
    }
  }
  co_return removed;
}

}  // namespace acloud::store
