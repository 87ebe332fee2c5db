// Typed schemas on JSON from strangers: never a crash; what was decoded is written and decoded the same.
#include "base/schema.h"
#include "fuzz.h"

using namespace acloud;

namespace {

struct Inner {
  ByteCount size{7};
  std::optional<double> share;
  static constexpr auto schema = fields(field("size", &Inner::size, "Size.", between(1, 1 << 20)),
                                        field("share", &Inner::share, "Share."));
};

struct Outer {
  std::string name;
  std::chrono::milliseconds wait{};
  std::optional<Time> when;
  std::vector<Inner> inner;
  std::map<std::string, std::string> map;
  std::variant<std::string, std::vector<std::string>> either;
  static constexpr auto schema =
      fields(field("name", &Outer::name, "Name.", required, length(0, 64)),
             field("wait_s", &Outer::wait, "Seconds."), field("when", &Outer::when, "When."),
             field("inner", &Outer::inner, "List.", length(0, 8)), field("map", &Outer::map, "Map."),
             field("either", &Outer::either, "Either."));
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = parse_json(fuzz::text(data, size));
  if (!json) return 0;
  const auto value = decode<Outer>(*json);
  if (!value) {
    fuzz::require(value.error().code() == ErrorCode::invalid_argument, "code of an error");
    return 0;
  }
  const std::string text = encode(*value);
  const auto again = decode<Outer>(*parse_json(text));
  fuzz::require(again.has_value(), "what was written is read");
  fuzz::require(encode(*again) == text, "and written the same");
  return 0;
}
