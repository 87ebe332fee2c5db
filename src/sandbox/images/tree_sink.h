// Where a tree of files goes, entry by entry: into a folder (TreeWriter) or an archive (ArchiveWriter).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <functional>
#include <string_view>

#include "base/error.h"

namespace acloud::sandbox::images {

struct Meta {
  mode_t mode = 0644;
  std::uint32_t user = 0, group = 0;
  timespec modified{};
};

class TreeSink {
 public:
  virtual ~TreeSink() = default;
  // Names are relative to the tree's root; a folder comes before what is in it.
  virtual Result<> folder(std::string_view name, const Meta& meta) = 0;
  // From an open file. `seen`, where given, is told its data, without holes.
  using Seen = std::function<void(std::string_view)>;
  virtual Result<> copy_file(std::string_view name, const Meta& meta, int from, const Seen& seen) = 0;
  virtual Result<> symlink(std::string_view name, const Meta& meta, std::string_view target) = 0;
  // Another name of a file that came before.
  virtual Result<> hard_link(std::string_view name, std::string_view target) = 0;
  virtual Result<> pipe(std::string_view name, const Meta& meta) = 0;
  // That the layers below show nothing there; and that they show nothing in a folder.
  virtual Result<> whiteout(std::string_view name) = 0;
  virtual Result<> opaque(std::string_view folder) = 0;
  // Last.
  virtual Result<> finish() = 0;
};

}  // namespace acloud::sandbox::images
