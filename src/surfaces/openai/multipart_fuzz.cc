// Forms from strangers: never a crash, never more kept than a piece and a head, and the same parts wherever
// the pieces end. The first byte of the input says how long these are.
#include "fuzz.h"
#include "surfaces/openai/multipart.h"

using namespace acloud;
using surfaces::MultipartCutter;

namespace {

std::string parts_of(std::string_view form, std::size_t size) {
  auto cutter = *MultipartCutter::make("multipart/form-data; boundary=b");
  std::string told;
  for (;;) {
    const auto what = cutter.next();
    if (!what) {
      fuzz::require(what.error().code() == ErrorCode::invalid_argument, "code of an error");
      return told + "!";
    }
    if (*what == MultipartCutter::What::part)
      told += "[" + cutter.name() + "|" + cutter.filename().value_or("-") + ":";
    if (*what == MultipartCutter::What::data) {
      fuzz::require(!cutter.bytes().empty(), "data has bytes");
      told += cutter.bytes();
    }
    if (*what == MultipartCutter::What::part_end) told += "]";
    if (*what == MultipartCutter::What::end) return told;
    if (*what != MultipartCutter::What::more) continue;
    if (form.empty()) return told;
    cutter.feed(form.substr(0, size));
    form.remove_prefix(std::min(size, form.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view form = fuzz::text(data + 1, size - 1);
  (void)MultipartCutter::make(form);
  fuzz::require(parts_of(form, form.size() + 1) == parts_of(form, std::size_t{data[0]} + 1),
                "pieces change nothing");
  return 0;
}
