#include "inference/files/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "net/client.h"

namespace acloud::inference {
namespace {

constexpr std::size_t kPiece = 1UZ << 20U;
constexpr int kRedirects = 5;
constexpr std::chrono::seconds kPatience{60};

class FileStream final : public net::Stream {
 public:
  FileStream(async::BlockingPool& pool, int file, std::int64_t offset)
      : pool_(pool), file_(file), offset_(offset) {}
  FileStream(const FileStream&) = delete;
  FileStream& operator=(const FileStream&) = delete;
  ~FileStream() override { ::close(file_); }

  Task<Result<std::string>> read() override {
    auto piece = co_await async::run_blocking(pool_, [this] { return read_piece(); });
    if (piece) offset_ += std::ssize(*piece);
    co_return piece;
  }

 private:
  Result<std::string> read_piece() const {
    std::string piece(kPiece, '\0');
    const ssize_t got = ::pread(file_, piece.data(), piece.size(), offset_);
    if (got < 0) return fail_errno(errno, "read");
    piece.resize(static_cast<std::size_t>(got));
    return piece;
  }

  async::BlockingPool& pool_;
  int file_;
  std::int64_t offset_;
};

Result<Opened> open_file(async::BlockingPool& pool, const std::string& path, std::int64_t offset) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return fail(ErrorCode::not_found, "source: {}: {}", path, std::strerror(errno));
  struct stat status{};
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(file);
    return fail(ErrorCode::invalid_argument, "source: {} is no plain file", path);
  }
  const std::int64_t begins = offset <= status.st_size ? offset : 0;
  return Opened{.bytes = net::Body(std::make_unique<FileStream>(pool, file, begins)),
                .begins = begins,
                .size = status.st_size};
}

// A body and the client that it comes through.
class WebStream final : public net::Stream {
 public:
  WebStream(std::unique_ptr<net::Client> client, net::Body body)
      : client_(std::move(client)), body_(std::move(body)) {}
  Task<Result<std::string>> read() override { return body_.read(); }

 private:
  std::unique_ptr<net::Client> client_;
  net::Body body_;
};

// "bytes 100-999/1000": the first number and the last. RFC 9110, section 14.4.
struct Range {
  std::int64_t begins;
  std::int64_t size;
};
std::optional<Range> range_of(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  const auto dash = text.find('-');
  const auto slash = text.find('/');
  if (!text.starts_with(kUnit) || dash == text.npos || slash == text.npos) return std::nullopt;
  const auto number = [](std::string_view digits) -> std::optional<std::int64_t> {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 0) return std::nullopt;
    return value;
  };
  const auto begins = number(text.substr(kUnit.size(), dash - kUnit.size()));
  const auto size = number(text.substr(slash + 1));
  if (!begins || !size) return std::nullopt;
  return Range{*begins, *size};
}

// Where a redirect leads. Errors: invalid_argument.
Result<std::string> target_of(const std::string& at, const net::Response& response) {
  const std::string_view location = response.headers.value("location");
  if (location.starts_with("http://") || location.starts_with("https://")) return std::string(location);
  const auto host = at.find('/', at.find("://") + 3);
  if (location.starts_with('/') && !location.starts_with("//")) return at.substr(0, host).append(location);
  return fail(ErrorCode::invalid_argument, "source: {} redirects to where no file can be", at);
}

Error refused(const std::string& at, const net::Response& response) {
  const auto code = response.status == 404 || response.status == 410 ? ErrorCode::not_found
                    : response.status >= 500                         ? ErrorCode::unavailable
                                                                     : ErrorCode::invalid_argument;
  return Error(code,
               fmt::format("source: {} answers {} {}", at, response.status, net::reason(response.status)));
}

Task<Result<Opened>> open_web(std::string at, std::int64_t offset) {
  auto client = std::make_unique<net::Client>(
      *async::EventLoop::current(),
      net::ClientOptions{.first_byte_time = kPatience, .between_bytes_time = kPatience});
  for (int redirects = 0; redirects <= kRedirects; ++redirects) {
    ACLOUD_CO_TRY(const net::Url url, net::parse_url(at));
    net::Request request{.target = url.target};
    if (offset > 0) request.headers.add("Range", fmt::format("bytes={}-", offset));
    ACLOUD_CO_TRY(net::Response response, co_await client->send(url.origin, std::move(request)));
    if (response.status == 416 && offset > 0) {
      offset = 0;
      continue;
    }
    if (response.status >= 300 && response.status < 400) {
      ACLOUD_CO_TRY(at, target_of(at, response));
      continue;
    }
    const auto range =
        response.status == 206 ? range_of(response.headers.value("content-range")) : std::nullopt;
    if (response.status != 200 && !range) co_return std::unexpected(refused(at, response));
    Opened opened{.bytes = {}, .begins = range ? range->begins : 0, .size = {}};
    if (range) {
      opened.size = range->size;
    } else if (const auto length = response.body.length()) {
      opened.size = static_cast<std::int64_t>(*length);
    }
    opened.bytes = net::Body(std::make_unique<WebStream>(std::move(client), std::move(response.body)));
    co_return opened;
  }
  co_return fail(ErrorCode::invalid_argument, "source: more than {} redirects", kRedirects);
}

}  // namespace

Task<Result<Opened>> open_source(async::BlockingPool& pool, std::string from, std::int64_t offset) {
  if (from.starts_with("http://") || from.starts_with("https://"))
    co_return co_await open_web(std::move(from), offset);
  if (from.starts_with('/')) {
    co_return co_await async::run_blocking(pool,
                                           [&pool, &from, offset] { return open_file(pool, from, offset); });
  }
  co_return fail(ErrorCode::invalid_argument,
                 "source: {} is neither a path of the server's machine (/...) nor an address (https://...)",
                 from);
}

}  // namespace acloud::inference
