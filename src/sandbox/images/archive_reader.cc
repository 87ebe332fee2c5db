#include "sandbox/images/archive_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include "base/encoding.h"

namespace acloud::sandbox::images {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kReserved = ".wh..wh.";

struct FreeReader {
  void operator()(archive* reader) const { ::archive_read_free(reader); }
};

struct Feed {
  const Source& source;
  std::optional<Error> error;
};

la_ssize_t feed(archive*, void* data, const void** bytes) {
  auto& feed = *static_cast<Feed*>(data);
  auto piece = feed.source();
  if (!piece) {
    feed.error = std::move(piece).error();
    return ARCHIVE_FATAL;
  }
  *bytes = piece->data();
  return static_cast<la_ssize_t>(piece->size());
}

class Unpacking {
 public:
  Unpacking(const Source& source, TreeWriter& to, const UnpackOptions& options)
      : feed_{source, {}}, to_(to), options_(options), reader_(::archive_read_new()) {}

  Result<> run() {
    archive* reader = reader_.get();
    ::archive_read_support_format_tar(reader);
    ::archive_read_support_format_empty(reader);
    ::archive_read_support_filter_gzip(reader);
    ::archive_read_support_filter_bzip2(reader);
    ::archive_read_support_filter_xz(reader);
    ::archive_read_support_filter_zstd(reader);
    if (::archive_read_open(reader, &feed_, nullptr, feed, nullptr) != ARCHIVE_OK) return broken();
    for (;;) {
      archive_entry* entry = nullptr;
      const int status = ::archive_read_next_header(reader, &entry);
      if (status == ARCHIVE_EOF) break;
      if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return broken();
      ACLOUD_CHECK(take(entry));
    }
    // What comes after the archive's end belongs to whoever takes the digest of it all.
    for (;;) {
      ACLOUD_TRY(const std::string_view rest, feed_.source());
      if (rest.empty()) break;
    }
    return to_.finish();
  }

 private:
  std::unexpected<Error> broken() {
    if (feed_.error) return std::unexpected(*std::move(feed_.error));
    const char* why = ::archive_error_string(reader_.get());
    return fail(ErrorCode::invalid_argument, "this is no tar that can be read: {}",
                why == nullptr ? "it is damaged" : to_valid_utf8(std::string_view(why).substr(0, 300)));
  }

  static std::string name_of(const char* utf8, const char* plain) {
    return utf8 != nullptr ? utf8 : plain != nullptr ? plain : "";
  }

  Result<> take(archive_entry* entry) {
    const std::string name = name_of(::archive_entry_pathname_utf8(entry), ::archive_entry_pathname(entry));
    if (name.empty())
      return fail(ErrorCode::invalid_argument, "an entry of the tar has no name that can be read");
    ACLOUD_TRY(const std::string path, clean_name(name));
    if (path.empty()) return {};  // the root
    const Meta meta = meta_of(entry);
    if (options_.whiteouts && is_whiteout(path)) return take_whiteout(path);
    const std::string target = name_of(::archive_entry_hardlink_utf8(entry), ::archive_entry_hardlink(entry));
    if (!target.empty()) return to_.hard_link(path, target);
    switch (::archive_entry_filetype(entry)) {
      case AE_IFDIR:
        return to_.folder(path, meta);
      case AE_IFREG:
        return to_.file(path, meta, [this] { return next_piece(); });
      case AE_IFLNK:
        return to_.symlink(path, meta,
                           name_of(::archive_entry_symlink_utf8(entry), ::archive_entry_symlink(entry)));
      case AE_IFIFO:
        return to_.pipe(path, meta);
      default:
        if (options_.whiteouts && path.starts_with("dev/")) return {};
        return fail(ErrorCode::invalid_argument, "{}: a device is not taken", to_valid_utf8(path));
    }
  }

  static bool is_whiteout(const std::string& path) {
    return std::string_view(path).substr(path.rfind('/') + 1).starts_with(kWhiteout);
  }

  Result<> take_whiteout(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash);
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (name == kOpaque) return folder.empty() ? Result<>() : to_.opaque(folder);
    if (name.starts_with(kReserved)) return {};  // notes of file systems of old
    const std::string gone = name.substr(kWhiteout.size());
    if (gone.empty() || gone == "." || gone == "..")
      return fail(ErrorCode::invalid_argument, "{}: it removes nothing that has a name", to_valid_utf8(path));
    return to_.whiteout(folder.empty() ? gone : folder + '/' + gone);
  }

  // Holes come as zeros: how large a file says it is counts, not how little of it is there.
  Result<std::string_view> next_piece() {
    buffer_.resize(256 << 10);
    const la_ssize_t size = ::archive_read_data(reader_.get(), buffer_.data(), buffer_.size());
    if (size < 0) return broken();
    return std::string_view(buffer_).substr(0, static_cast<std::size_t>(size));
  }

  static Meta meta_of(archive_entry* entry) {
    const auto id = [](la_int64_t value) {
      return value < 0 || value > 65'534 ? 65'534U : static_cast<std::uint32_t>(value);
    };
    return {::archive_entry_perm(entry),
            id(::archive_entry_uid(entry)),
            id(::archive_entry_gid(entry)),
            {::archive_entry_mtime(entry), ::archive_entry_mtime_nsec(entry)}};
  }

  Feed feed_;
  TreeWriter& to_;
  const UnpackOptions& options_;
  std::unique_ptr<archive, FreeReader> reader_;
  std::string buffer_;
};

}  // namespace

Result<> unpack(const Source& source, TreeWriter& to, const UnpackOptions& options) {
  return Unpacking(source, to, options).run();
}

}  // namespace acloud::sandbox::images
