#include "sandbox/images/archive_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/encoding.h"

namespace acloud::sandbox::images {
namespace {

constexpr std::size_t kRead = 256 << 10;

struct FreeEntry {
  void operator()(archive_entry* entry) const { ::archive_entry_free(entry); }
};

}  // namespace

struct ArchiveWriter::Entry {
  Entry(std::string_view name, unsigned type, const Meta& meta) : entry(::archive_entry_new()) {
    ::archive_entry_set_pathname(entry.get(), std::string(name).c_str());
    ::archive_entry_set_filetype(entry.get(), type);
    ::archive_entry_set_perm(entry.get(), meta.mode);
    ::archive_entry_set_uid(entry.get(), meta.user);
    ::archive_entry_set_gid(entry.get(), meta.group);
    ::archive_entry_set_mtime(entry.get(), meta.modified.tv_sec, meta.modified.tv_nsec);
    ::archive_entry_set_size(entry.get(), 0);
  }
  std::unique_ptr<archive_entry, FreeEntry> entry;
};

ArchiveWriter::ArchiveWriter(int file, std::uint64_t most) : writer_(::archive_write_new()), most_(most) {
  ::archive_write_set_format_pax_restricted(writer_);
  ::archive_write_open_fd(writer_, file);
}
ArchiveWriter::~ArchiveWriter() { ::archive_write_free(writer_); }

Result<> ArchiveWriter::checked(long status) const {
  // A warning is about names that are no UTF-8, which are written all the same.
  if (status >= ARCHIVE_WARN) return {};
  const int error = ::archive_errno(writer_);
  if (error == ENOSPC || error == EDQUOT)
    return fail(ErrorCode::unavailable, "the server's disk has no room for the tar");
  const char* why = ::archive_error_string(writer_);
  return fail(ErrorCode::internal, "the tar can't be written: {}", why == nullptr ? "" : to_valid_utf8(why));
}

Result<> ArchiveWriter::write(const Entry& entry) {
  return checked(::archive_write_header(writer_, entry.entry.get()));
}

Result<> ArchiveWriter::folder(std::string_view name, const Meta& meta) {
  return write({name, AE_IFDIR, meta});
}

Result<> ArchiveWriter::copy_file(std::string_view name, const Meta& meta, int from, const Seen& seen) {
  struct stat status{};
  if (::fstat(from, &status) != 0) return fail_errno(errno, to_valid_utf8(name));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  bytes_ += std::min(size, most_);
  if (size > most_ || bytes_ > most_) {
    return fail(ErrorCode::too_large, "{}: with it the files have more than {} bytes; take fewer at once",
                to_valid_utf8(name), most_);
  }
  const Entry entry(name, AE_IFREG, meta);
  ::archive_entry_set_size(entry.entry.get(), status.st_size);
  ACLOUD_CHECK(write(entry));
  std::string buffer(kRead, '\0');
  for (std::uint64_t left = size; left > 0;) {
    const std::size_t most = std::min<std::uint64_t>(left, buffer.size());
    const ssize_t got = ::read(from, buffer.data(), most);
    if (got < 0) return fail_errno(errno, to_valid_utf8(name));
    const auto piece = std::string_view(buffer).substr(0, static_cast<std::size_t>(got));
    if (piece.empty()) break;  // it was cut meanwhile; libarchive fills up with zeros
    if (seen) seen(piece);
    ACLOUD_CHECK(checked(::archive_write_data(writer_, piece.data(), piece.size())));
    left -= piece.size();
  }
  return checked(::archive_write_finish_entry(writer_));
}

Result<> ArchiveWriter::symlink(std::string_view name, const Meta& meta, std::string_view target) {
  const Entry entry(name, AE_IFLNK, meta);
  ::archive_entry_set_symlink(entry.entry.get(), std::string(target).c_str());
  return write(entry);
}

Result<> ArchiveWriter::hard_link(std::string_view name, std::string_view target) {
  const Entry entry(name, AE_IFREG, {});
  ::archive_entry_set_hardlink(entry.entry.get(), std::string(target).c_str());
  return write(entry);
}

Result<> ArchiveWriter::pipe(std::string_view name, const Meta& meta) {
  return write({name, AE_IFIFO, meta});
}

Result<> ArchiveWriter::finish() { return checked(::archive_write_close(writer_)); }

}  // namespace acloud::sandbox::images
