// Writes a tree of files that somebody else describes: the members of an archive, or what another folder
// holds. Whoever describes it is not trusted: names may climb, links may lead elsewhere, there may be
// devices, or more of it than fits.
//
// So no name is absolute or has "..", every folder on the way is opened below the root without following any
// link, links are stored and never followed, and bytes and entries are counted. Modes lose setuid and
// setgid, which no sandbox heeds, and no extended attribute is taken over.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "sandbox/images/tree_sink.h"
#include "sandbox/jail/fd.h"

namespace acloud::sandbox::images {

// "a/b" for "./a//b/"; "" for the root itself. Errors: invalid_argument: absolute, "..", NUL, too long.
Result<std::string> clean_name(std::string_view name);

struct Budget {
  std::uint64_t bytes = 32ULL << 30;
  std::uint64_t entries = 2'000'000;
  std::uint64_t left_free = 1ULL << 30;  // of the disk, or a twentieth where that is less
};

class TreeWriter final : public TreeSink {
 public:
  struct Options {
    bool owners = false;  // entries belong to whom their Meta says; else to the thread's user
    bool privileged =
        false;  // overlayfs is mounted by root here, and reads its marks from trusted attributes
    // Symbolic links may lead out of the tree. Nobody follows them here: only archives are held to it, since
    // an honest one has none.
    bool any_link = false;
    Budget budget;
    const std::atomic<bool>* stop =
        nullptr;  // where it becomes true, the next entry or piece fails: unavailable
  };
  // The next piece of a file; "" at its end.
  using Read = std::function<Result<std::string_view>()>;

  // `root`: a folder, O_PATH will do.
  TreeWriter(jail::Fd root, Options options) : root_(std::move(root)), options_(options) {}

  // All take names as they come and make the folders on the way; what is there already under that name is
  // replaced, but for a folder by something else. Errors of all: invalid_argument, naming the entry;
  // too_large (the budget, the disk); unavailable.
  Result<> folder(std::string_view name, const Meta& meta) override;
  Result<> file(std::string_view name, const Meta& meta, const Read& read);
  // Keeps holes.
  Result<> copy_file(std::string_view name, const Meta& meta, int from, const Seen& seen) override;
  Result<> symlink(std::string_view name, const Meta& meta, std::string_view target) override;
  Result<> hard_link(std::string_view name, std::string_view target) override;
  Result<> pipe(std::string_view name, const Meta& meta) override;
  Result<> whiteout(std::string_view name) override;
  Result<> opaque(std::string_view folder) override;
  // Gives folders their modes and times.
  Result<> finish() override;

  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t entries() const { return entries_; }

 private:
  // Where an entry goes: the folder that it is in, and its name there.
  struct Spot {
    std::string path;
    jail::Fd parent;
    std::string name;
  };
  Result<Spot> spot(std::string_view name);
  Result<jail::Fd> open_folder(const std::string& path, int flags) const;
  Result<jail::Fd> make_folders(const std::string& path);
  Result<> make_room(const Spot& spot);
  Result<jail::Fd> create(const Spot& spot);
  Result<> dress(int file, const Spot& spot, const Meta& meta) const;
  Result<> dress_link(const Spot& spot, const Meta& meta) const;
  Result<> check_stop() const;
  Result<> count_entry(const std::string& path);
  Result<> count_bytes(const std::string& path, std::uint64_t bytes);

  jail::Fd root_;
  const Options options_;
  std::uint64_t bytes_ = 0, entries_ = 0, checked_ = 0;
  std::map<std::string, Meta> folders_;  // to be dressed at the end
};

}  // namespace acloud::sandbox::images
