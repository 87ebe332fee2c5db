// Server-sent events as a provider might send them, cut at places that the input itself says: the same events
// come out however they are cut, none is larger than the limit, and each is read back as to_sse() writes it.
#include "fuzz.h"
#include "net/sse.h"

using namespace acloud;

namespace {

constexpr std::size_t kLimit = 256;

struct Read {
  std::vector<net::Event> events;
  bool refused = false;
};

Read read(std::string_view bytes, std::size_t piece) {
  Read read;
  net::SseParser parser(kLimit);
  for (; !bytes.empty() && !read.refused; bytes.remove_prefix(std::min(piece, bytes.size()))) {
    const auto fed = parser.feed(bytes.substr(0, piece), read.events);
    if (fed) continue;
    fuzz::require(fed.error().code() == ErrorCode::too_large, "code of an error");
    read.refused = true;
  }
  return read;
}

bool same(const net::Event& a, const net::Event& b) {
  return a.event == b.event && a.data == b.data && a.id == b.id;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::text(data + 1, size - 1);
  const Read whole = read(bytes, bytes.size() + 1);
  const Read cut = read(bytes, 1 + data[0] % 16);
  fuzz::require(whole.refused == cut.refused && std::ranges::equal(whole.events, cut.events, same),
                "cuts change nothing");
  for (const net::Event& event : whole.events) {
    fuzz::require(event.data.size() <= kLimit, "the limit");
    std::vector<net::Event> again;
    const auto fed = net::SseParser().feed(net::to_sse(event), again);
    fuzz::require(fed && again.size() == 1 && same(again.front(), event), "an event is read back as written");
  }
  return 0;
}
