#include "sandbox/images/importer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/encoding.h"
#include "sandbox/images/archive_reader.h"
#include "sandbox/images/oci_layout.h"
#include "sandbox/images/tree_copy.h"

namespace acloud::sandbox::images {
namespace {

// A file, read from its beginning, with the digest of what was read so far.
class FileSource {
 public:
  FileSource(int file, const std::atomic<bool>& stop) : file_(file), stop_(stop), buffer_(256 << 10, '\0') {}
  Result<std::string_view> next() {
    if (stop_) return fail(ErrorCode::unavailable, "the server is stopping");
    const ssize_t size = ::pread(file_, buffer_.data(), buffer_.size(), at_);
    if (size < 0) return fail_errno(errno, "reading the tar");
    at_ += size;
    const auto piece = std::string_view(buffer_).substr(0, static_cast<std::size_t>(size));
    digest_.update(piece);
    return piece;
  }
  std::string finish() { return to_hex(digest_.finish()); }

 private:
  const int file_;
  const std::atomic<bool>& stop_;
  std::string buffer_;
  off_t at_ = 0;
  Sha256 digest_;
};

Result<std::string> digest_of(int file, const std::atomic<bool>& stop) {
  FileSource source(file, stop);
  for (;;) {
    ACLOUD_TRY(const std::string_view piece, source.next());
    if (piece.empty()) return source.finish();
  }
}

bool is_folder(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

Result<TreeWriter> Importer::writer(const Layers::Draft& draft, bool archive) const {
  jail::Fd folder(::fcntl(draft.folder(), F_DUPFD_CLOEXEC, 3));
  if (!folder) return fail_errno(errno, "a layer's folder");
  return TreeWriter(std::move(folder), {.owners = privileged_,
                                        .privileged = privileged_,
                                        .any_link = !archive,
                                        .budget = budget_,
                                        .stop = &stop_});
}

Result<Imported> Importer::from_path(const std::string& path) {
  const jail::Fd place(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status{};
  if (!place || ::fstat(place.get(), &status) != 0) return fail_errno(errno, to_valid_utf8(path));
  if (S_ISREG(status.st_mode)) return from_tar(place.get());
  if (!S_ISDIR(status.st_mode))
    return fail(ErrorCode::invalid_argument, "{}: it is neither a folder nor a file", to_valid_utf8(path));
  return is_oci_layout(place.get()) ? from_oci(place.get()) : from_folder(place.get());
}

Result<Imported> Importer::from_folder(int folder) {
  ACLOUD_TRY(Layers::Draft draft, layers_.draft());
  ACLOUD_TRY(TreeWriter to, writer(draft, false));
  Sha256 digest;
  digest.update("a tree of files\n");
  ACLOUD_CHECK(copy_tree(folder, to, {.owner = {}, .privileged = privileged_, .digest = &digest}));
  Imported imported;
  imported.size = static_cast<std::int64_t>(to.bytes());
  ACLOUD_TRY(imported.layers, layers_.keep(std::move(draft), "sha256-" + to_hex(digest.finish())));
  ACLOUD_TRY(imported.host_usr, stands_on_host(*imported.layers));
  return imported;
}

Result<Imported> Importer::from_tar(int file) {
  ACLOUD_TRY(const std::string digest, digest_of(file, stop_));
  Imported imported;
  imported.layers = layers_.hold({"sha256-" + digest});
  if (!imported.layers) {
    ACLOUD_TRY(Layers::Draft draft, layers_.draft());
    ACLOUD_TRY(TreeWriter to, writer(draft, true));
    FileSource source(file, stop_);
    ACLOUD_CHECK(unpack([&] { return source.next(); }, to, {.whiteouts = true}));
    if (source.finish() != digest) return fail(ErrorCode::conflict, "the tar has changed while it was read");
    if (is_oci_layout(draft.folder())) return from_oci(draft.folder());
    imported.size = static_cast<std::int64_t>(to.bytes());
    ACLOUD_TRY(imported.layers, layers_.keep(std::move(draft), "sha256-" + digest));
  }
  ACLOUD_TRY(imported.host_usr, stands_on_host(*imported.layers));
  return imported;
}

Result<Layers::Held> Importer::layer_from_tar(int file, const std::string& digest, std::int64_t& size) {
  if (auto there = layers_.hold({"sha256-" + digest})) return there;
  ACLOUD_TRY(Layers::Draft draft, layers_.draft());
  ACLOUD_TRY(TreeWriter to, writer(draft, true));
  FileSource source(file, stop_);
  ACLOUD_CHECK(unpack([&] { return source.next(); }, to, {.whiteouts = true}));
  if (source.finish() != digest)
    return fail(ErrorCode::invalid_argument, "blobs/sha256/{}: it has another digest", digest);
  size += static_cast<std::int64_t>(to.bytes());
  return layers_.keep(std::move(draft), "sha256-" + digest);
}

Result<Imported> Importer::from_oci(int folder) {
  ACLOUD_TRY(OciImage image, read_oci_layout(folder));
  Imported imported{.layers = {}, .env = std::move(image.env)};
  std::vector<Layers::Held> parts;  // until all of them are held together
  std::vector<std::string> ids;
  for (const std::string& digest : image.layers) {
    ACLOUD_TRY(const jail::Fd blob, open_oci_blob(folder, digest));
    auto layer = layer_from_tar(blob.get(), digest, imported.size);
    if (!layer) return std::unexpected(std::move(layer).error().within("layer " + digest));
    const std::string id = "sha256-" + digest;
    std::erase(ids, id);  // an empty layer may come more than once; overlayfs takes each once
    ids.push_back(id);
    parts.push_back(*std::move(layer));
  }
  std::ranges::reverse(ids);
  imported.layers = layers_.hold(std::move(ids));
  if (!imported.layers) return fail(ErrorCode::internal, "a layer has gone while the image was read");
  ACLOUD_TRY(imported.host_usr, stands_on_host(*imported.layers));
  return imported;
}

Result<Imported> Importer::from_written(int folder, std::uint32_t first_id, std::uint32_t ids) {
  ACLOUD_TRY(Layers::Draft draft, layers_.draft());
  ACLOUD_TRY(TreeWriter to, writer(draft, false));
  const auto owner = [=](std::uint32_t id) { return id - first_id < ids ? id - first_id : 65'534U; };
  ACLOUD_CHECK(copy_tree(folder, to, {.owner = owner, .overlay = true, .privileged = privileged_}));
  Imported imported;
  imported.size = static_cast<std::int64_t>(to.bytes());
  ACLOUD_TRY(imported.layers, layers_.keep(std::move(draft), "own-" + random_.hex(12)));
  return imported;
}

Result<bool> Importer::stands_on_host(const Layers::Hold& layers) const {
  bool usr = false;
  for (const std::string& id : layers.ids()) {
    const std::string path = layers_.path(id);
    if (is_folder(path + "/usr/bin") || is_folder(path + "/bin")) return false;
    usr |= is_folder(path + "/usr");
  }
  if (!usr) return true;
  return fail(
      ErrorCode::invalid_argument,
      "it has files below /usr but no programs (/bin or /usr/bin): it would stand on the host's /usr, which "
      "would hide them; put them elsewhere, such as /opt, or bring a whole root file system");
}

}  // namespace acloud::sandbox::images
