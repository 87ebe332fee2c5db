#include "sandbox/images/oci_layout.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "base/encoding.h"
#include "sandbox/jail/kernel/syscalls.h"

namespace acloud::sandbox::images {
namespace {

constexpr std::uint64_t kInLayout = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
constexpr std::size_t kDocumentMost = 4 << 20;
constexpr int kIndexesMost = 3;  // one in the other
constexpr std::size_t kEnvironmentMost = 256;

std::string this_architecture() {
  utsname name{};
  ::uname(&name);
  const std::string machine(&name.machine[0]);
  return machine == "x86_64" ? "amd64" : machine == "aarch64" ? "arm64" : machine;
}

Result<jail::Fd> open_below(int folder, const std::string& path) {
  jail::Fd file(jail::openat2(folder, path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY, kInLayout));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0) return fail_errno(errno, path);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::invalid_argument, "{}: it is no file", path);
  return file;
}

Result<std::string> read_document(int folder, const std::string& path) {
  ACLOUD_TRY(const jail::Fd file, open_below(folder, path));
  std::string text(kDocumentMost + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t piece = ::read(file.get(), text.data() + size, text.size() - size);
    if (piece < 0) return fail_errno(errno, path);
    if (piece == 0) break;
    size += static_cast<std::size_t>(piece);
  }
  if (size > kDocumentMost) return fail(ErrorCode::too_large, "{}: more than {} bytes", path, kDocumentMost);
  text.resize(size);
  return text;
}

Result<Json> read_blob_document(int folder, const std::string& digest) {
  ACLOUD_TRY(const std::string text, read_document(folder, "blobs/sha256/" + digest));
  if (to_hex(sha256(text)) != digest)
    return fail(ErrorCode::invalid_argument, "blobs/sha256/{}: it has another digest", digest);
  return parse_json(text);
}

const Json& member(const Json& object, const char* name) {
  static const Json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

std::string text(const Json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

Result<std::string> digest_of(const Json& descriptor, std::string_view what) {
  const std::string digest = text(member(descriptor, "digest"));
  const std::string_view hex = std::string_view(digest).substr(std::min<std::size_t>(digest.size(), 7));
  const bool fits = digest.starts_with("sha256:") && hex.size() == 64 && std::ranges::all_of(hex, [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                    });
  if (fits) return std::string(hex);
  return fail(ErrorCode::invalid_argument, "{}: \"{}\" is no digest of the kind sha256", what,
              to_valid_utf8(digest.substr(0, 100)));
}

}  // namespace

bool is_oci_layout(int folder) {
  return open_below(folder, "oci-layout").has_value() && open_below(folder, "index.json").has_value();
}

Result<std::string> choose_manifest(const Json& index, const std::string& architecture) {
  const Json& manifests = member(index, "manifests");
  const Json* chosen = nullptr;
  if (manifests.is_array()) {
    for (const Json& each : manifests) {
      const Json& platform = member(each, "platform");
      const bool fits = !platform.is_object() || (text(member(platform, "architecture")) == architecture &&
                                                  text(member(platform, "os")) == "linux");
      if (fits && chosen == nullptr) chosen = &each;
    }
  }
  if (chosen == nullptr)
    return fail(ErrorCode::not_found, "the index names no image for linux on {}", architecture);
  return digest_of(*chosen, "a manifest of the index");
}

Result<OciManifest> read_manifest(const Json& manifest) {
  OciManifest read;
  ACLOUD_TRY(read.config, digest_of(member(manifest, "config"), "the manifest's config"));
  const Json& layers = member(manifest, "layers");
  if (!layers.is_array() || layers.empty())
    return fail(ErrorCode::invalid_argument, "the manifest has no layers");
  if (layers.size() > kOciLayersMost)
    return fail(ErrorCode::too_large, "the image has {} layers; {} are the most", layers.size(),
                kOciLayersMost);
  for (const Json& layer : layers) {
    ACLOUD_TRY(std::string digest, digest_of(layer, "a layer of the manifest"));
    read.layers.push_back(std::move(digest));
  }
  return read;
}

std::map<std::string, std::string> read_environment(const Json& config) {
  std::map<std::string, std::string> env;
  const Json& lines = member(member(config, "config"), "Env");
  if (!lines.is_array()) return env;
  for (const Json& line : lines) {
    const std::string pair = text(line);
    const std::size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos || pair.find('\0') != std::string::npos) continue;
    if (env.size() == kEnvironmentMost) break;
    env[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return env;
}

Result<OciImage> read_oci_layout(int folder) {
  ACLOUD_TRY(const std::string first, read_document(folder, "index.json"));
  ACLOUD_TRY(Json document, parse_json(first));
  for (int depth = 0; member(document, "manifests").is_array(); ++depth) {
    if (depth == kIndexesMost)
      return fail(ErrorCode::invalid_argument, "index.json: indexes lead to indexes");
    ACLOUD_TRY(const std::string next, choose_manifest(document, this_architecture()));
    ACLOUD_TRY(document, read_blob_document(folder, next));
  }
  ACLOUD_TRY(OciManifest manifest, read_manifest(document));
  ACLOUD_TRY(const Json config, read_blob_document(folder, manifest.config));
  return OciImage{std::move(manifest.layers), read_environment(config)};
}

Result<jail::Fd> open_oci_blob(int folder, const std::string& digest) {
  return open_below(folder, "blobs/sha256/" + digest);
}

}  // namespace acloud::sandbox::images
