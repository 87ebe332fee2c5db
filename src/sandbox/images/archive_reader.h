// Unpacks a tar, plain or compressed (gzip, bzip2, xz, zstd), with libarchive into a TreeWriter, which trusts
// none of it.
#pragma once

#include "sandbox/images/tree_writer.h"

namespace acloud::sandbox::images {

// The next bytes of the archive; "" at its end. What it gives lives until it is called again.
using Source = std::function<Result<std::string_view>()>;

struct UnpackOptions {
  // ".wh.NAME" removes NAME of the layers below and ".wh..wh..opq" all that a folder has there, as image
  // layers have it; else these are files.
  bool whiteouts = false;
};

// Reads `source` to its end. Device nodes are refused, but in whiteout mode for those in /dev, which every
// sandbox has its own of. Errors: invalid_argument: it is no tar, or an entry may not be; those of TreeWriter
// and of `source`.
Result<> unpack(const Source& source, TreeWriter& to, const UnpackOptions& options);

}  // namespace acloud::sandbox::images
