// Packs a tree of files into a tar (pax), with libarchive.
#pragma once

#include <memory>
#include <string>

#include "sandbox/images/tree_sink.h"

struct archive;

namespace acloud::sandbox::images {

class ArchiveWriter final : public TreeSink {
 public:
  // Writes to `file`, which outlives it; files may have `most` bytes in all, holes counted.
  ArchiveWriter(int file, std::uint64_t most);
  ~ArchiveWriter() override;

  Result<> folder(std::string_view name, const Meta& meta) override;
  Result<> copy_file(std::string_view name, const Meta& meta, int from, const Seen& seen) override;
  Result<> symlink(std::string_view name, const Meta& meta, std::string_view target) override;
  Result<> hard_link(std::string_view name, std::string_view target) override;
  Result<> pipe(std::string_view name, const Meta& meta) override;
  Result<> whiteout(std::string_view) override { return {}; }  // a tar has no layers below it
  Result<> opaque(std::string_view) override { return {}; }
  Result<> finish() override;

 private:
  struct Entry;
  Result<> write(const Entry& entry);
  Result<> checked(long status) const;

  archive* writer_;
  const std::uint64_t most_;
  std::uint64_t bytes_ = 0;
};

}  // namespace acloud::sandbox::images
