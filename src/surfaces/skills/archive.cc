#include "surfaces/skills/archive.h"

#include <archive.h>
#include <archive_entry.h>

namespace acloud::surfaces::skills {
namespace {

struct FreeArchive {
  void operator()(struct archive* made) const { archive_write_free(made); }
};
struct FreeEntry {
  void operator()(struct archive_entry* entry) const { archive_entry_free(entry); }
};

la_ssize_t append(struct archive*, void* out, const void* bytes, std::size_t size) {
  static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

}  // namespace

Result<std::string> tar_gz(const std::vector<SkillFile>& files) {
  std::string bytes;
  const std::unique_ptr<struct archive, FreeArchive> made(archive_write_new());
  struct archive* out = made.get();
  const auto failed = [&] {
    return fail(ErrorCode::internal, "an archive of a skill was not made: {}", archive_error_string(out));
  };
  if (archive_write_set_format_ustar(out) != ARCHIVE_OK || archive_write_add_filter_gzip(out) != ARCHIVE_OK ||
      archive_write_set_filter_option(out, "gzip", "timestamp", nullptr) != ARCHIVE_OK ||
      archive_write_set_bytes_in_last_block(out, 1) != ARCHIVE_OK ||
      archive_write_open(out, &bytes, nullptr, append, nullptr) != ARCHIVE_OK)
    return failed();
  for (const SkillFile& file : files) {
    const std::unique_ptr<struct archive_entry, FreeEntry> entry(archive_entry_new());
    archive_entry_set_pathname(entry.get(), file.path.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(file.content.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), 0, 0);
    const auto size = static_cast<la_ssize_t>(file.content.size());
    if (archive_write_header(out, entry.get()) != ARCHIVE_OK ||
        archive_write_data(out, file.content.data(), file.content.size()) != size)
      return failed();
  }
  if (archive_write_close(out) != ARCHIVE_OK) return failed();
  return bytes;
}

}  // namespace acloud::surfaces::skills
