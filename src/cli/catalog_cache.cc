#include "cli/catalog_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/encoding.h"

namespace acloud::cli {
namespace {

constexpr std::chrono::minutes kRecent{5};
constexpr std::size_t kLargestCatalog = 16 << 20;

}  // namespace

std::string CatalogCache::path(const std::string& url) const {
  const std::string folder = world_.folder("XDG_CACHE_HOME", ".cache");
  return folder.empty() ? "" : fmt::format("{}/catalog-{}.json", folder, to_hex(sha256(url)).substr(0, 16));
}

std::optional<CatalogCache::Copy> CatalogCache::load(const std::string& url) const {
  const std::string file = path(url);
  std::ifstream stream(file, std::ios::binary);
  if (file.empty() || !stream) return std::nullopt;
  std::ostringstream text;
  text << stream.rdbuf();
  // Two lines before the document: when it was fetched, and its ETag.
  const std::string all = text.str();
  const auto first = all.find('\n');
  const auto second = first == all.npos ? all.npos : all.find('\n', first + 1);
  if (second == all.npos) return std::nullopt;
  const auto fetched = parse_rfc3339(all.substr(0, first));
  if (!fetched) return std::nullopt;
  return Copy{all.substr(first + 1, second - first - 1), *fetched, all.substr(second + 1)};
}

// A cache that can't be written is no failure of the command.
void CatalogCache::save(const std::string& url, const Copy& copy) const {
  const std::string file = path(url);
  if (file.empty()) return;
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), ignored);
  const std::string text = fmt::format("{}\n{}\n{}", to_rfc3339(copy.fetched), copy.etag, copy.document);
  // Renamed into place whole, so that commands side by side never read half of it.
  const std::string partial = fmt::format("{}.{}", file, ::getpid());
  const int fd = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  if (written) {
    std::filesystem::rename(partial, file, ignored);
  } else {
    std::filesystem::remove(partial, ignored);
  }
}

Task<Outcome<Catalog>> CatalogCache::get(Server& server, Need need) {
  const std::string url = server.settings().url;
  std::optional<Copy> copy = load(url);
  if (copy && !parse_catalog(copy->document)) copy.reset();
  const Time now = world_.clock->now();
  const bool recent = copy && copy->fetched <= now && now - copy->fetched < kRecent;
  asked_ = !(copy && (need == Need::known || (need == Need::recent && recent)));
  if (!asked_) co_return *parse_catalog(copy->document);

  net::Headers headers{{"Accept", "application/json"}};
  if (copy && !copy->etag.empty()) headers.add("If-None-Match", copy->etag);
  auto response = co_await server.get("/api", std::move(headers));
  if (!response) co_return std::unexpected(std::move(response).error());
  if (response->status == 304 && copy) {
    copy->fetched = now;
    save(url, *copy);
    co_return *parse_catalog(copy->document);
  }
  auto document = co_await response->body.read_all(kLargestCatalog);
  if (!document) co_return std::unexpected(Failure(document.error()));
  if (response->status != 200)
    co_return std::unexpected(failure_of(response->status, *document, response->headers));
  auto catalog = parse_catalog(*document);
  if (!catalog) co_return std::unexpected(Failure(catalog.error()));
  save(url, {std::string(response->headers.value("etag")), now, std::move(*document)});
  co_return std::move(*catalog);
}

}  // namespace acloud::cli
