// An operator's pattern and a model's text, in pieces: a pattern is refused or compiles; whatever the pieces,
// the same is masked; and a document's bytes stay but for its texts.
#include "base/encoding.h"
#include "base/json.h"
#include "fuzz.h"
#include "model/guard/guard.h"
#include "model/guard/json_texts.h"
#include "model/guard/text_matcher.h"

using namespace acloud;
using namespace acloud::model::guard;

namespace {

constexpr std::size_t kPattern = 60;

std::string masked(const std::vector<const Detector*>& detectors, std::string_view text, std::size_t piece) {
  TextMatcher matcher(detectors);
  std::string out;
  std::size_t told = 0;
  const auto tell = [&] {
    const std::size_t decided = matcher.decided();
    fuzz::require(decided >= told && decided <= text.size(), "what is decided stays so");
    out += matcher.masked(text.substr(told, decided - told), told);
    matcher.forget(decided);
    told = decided;
  };
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(at + piece, text.size());
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    matcher.feed(text.substr(at, end - at));
    tell();
    at = end;
  }
  matcher.finish();
  tell();
  fuzz::require(told == text.size(), "all is decided at the end");
  return out;
}

const std::vector<Detector>& known() {
  static const std::vector<Detector> all = [] {
    std::vector<Detector> made;
    for (const Kind& kind : kinds()) made.push_back(Detector::make(kind));
    return made;
  }();
  return all;
}

}  // namespace

// The first line is a pattern, the rest a text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text(data, size);
  if (!is_utf8(input)) return 0;
  const std::string_view pattern = input.substr(0, input.find('\n'));
  const std::string_view text = input.substr(pattern.size());
  std::vector<const Detector*> detectors;
  for (const Detector& each : known()) detectors.push_back(&each);
  const auto own = Detector::make("own", pattern.size() <= kPattern ? pattern : std::string_view());
  if (own) detectors.push_back(&*own);
  const std::string whole = masked(detectors, text, text.size() + 1);
  for (const std::size_t piece : {1, 3, 7}) {
    fuzz::require(masked(detectors, text, piece) == whole, "where a text is cut changes nothing");
  }
  std::string json;
  append_json_string(json, text);
  std::size_t texts = 0;
  fuzz::require(each_text(json,
                          [&](const JsonText& each) -> Result<> {
                            ++texts;
                            fuzz::require(each.text == text, "a text is read as it was written");
                            return {};
                          })
                    .has_value(),
                "a string is JSON");
  fuzz::require(texts == 1, "and one text");
  (void)each_text(text, [](const JsonText&) { return Result<>(); });
  return 0;
}
