// Copies a tree of files from a folder of the host: what a sandbox has written, as overlayfs keeps it, or
// one that an operator names. Whoever made it may still change it: no link is followed, nothing is opened
// that could wait, and what has gone meanwhile is left out.
#pragma once

#include <functional>
#include <string>

#include "base/encoding.h"
#include "sandbox/images/tree_sink.h"

namespace acloud::sandbox::images {

struct CopyOptions {
  std::function<std::uint32_t(std::uint32_t)>
      owner;  // the number to write for one of the source; null: the same
  // The source is an overlay's upper folder: device 0:0 is a whiteout, and an attribute makes folders opaque.
  // Else device nodes are refused, but for those in /dev, which every sandbox has its own of.
  bool overlay = false;
  bool privileged = false;   // as TreeWriter::Options
  Sha256* digest = nullptr;  // of all names, kinds, owners, modes, times and bytes
};

// `from`: a folder, O_PATH will do. Other file systems mounted in it are left out.
Result<> copy_tree(int from, TreeSink& to, const CopyOptions& options);

}  // namespace acloud::sandbox::images
