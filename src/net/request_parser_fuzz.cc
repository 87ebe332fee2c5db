// What a peer can send to the server: the bytes of requests, cut at places that the input itself says.
// However they are cut, the requests that come out, and the refusal that ends them, must be the same.
#include "fuzz.h"
#include "net/request_parser.h"

using namespace acloud;

namespace {

constexpr std::size_t kHeaderBytes =
    512;  // small, since the parser looks at a line again for every piece of it
constexpr std::uint64_t kBodyBytes = 4096;

// The requests that a connection would make of `bytes`, fed in pieces of at most `piece`.
std::string read(std::string_view bytes, std::size_t piece) {
  std::string seen;
  std::size_t begin = 0;
  std::size_t end = 0;
  while (true) {
    net::RequestParser parser(kHeaderBytes, kBodyBytes);
    std::string body;
    bool more = true;
    while (!parser.refusal() && !parser.done() && more) {
      const std::size_t taken = parser.parse(bytes.substr(begin, end - begin), body);
      fuzz::require(taken <= end - begin, "takes no more than there is");
      begin += taken;
      if (taken != 0 && begin != end) continue;
      more = end < bytes.size();
      end += std::min(piece, bytes.size() - end);
    }
    if (!parser.done() || parser.refusal()) return seen;
    fuzz::require(body.size() <= kBodyBytes, "the body's limit");
    seen += fmt::format("{} {}\n", parser.request().method, parser.request().target);
    for (const auto& [name, value] : parser.request().headers) seen += fmt::format("{}: {}\n", name, value);
    seen += body;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::text(data + 1, size - 1);
  fuzz::require(read(bytes, bytes.size() + 1) == read(bytes, 1 + data[0] % 64), "cuts change nothing");
  return 0;
}
