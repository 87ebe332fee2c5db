// Any bytes, cut anywhere: the outline is the same as of the whole text, agrees with the full parser on every
// text that is JSON, and never points outside.
#include "base/json_outline.h"
#include "fuzz.h"

using namespace acloud;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = 1 + data[0] % 17;
  const std::string_view text = fuzz::text(data, size).substr(1);
  JsonOutline whole;
  const bool whole_ok = whole.feed(text) && whole.finish();
  JsonOutline cut;
  bool cut_ok = true;
  for (std::size_t at = 0; cut_ok && at < text.size(); at += step)
    cut_ok = cut.feed(text.substr(at, step)).has_value();
  cut_ok = cut_ok && cut.finish();
  fuzz::require(whole_ok == cut_ok, "cutting changes nothing");
  const auto parsed = parse_json(text);
  if (parsed && parsed->is_object() && parsed->size() <= JsonOutline::kFields) {
    for (const auto& [name, value] : parsed->items()) {
      if (name.size() * 6 > JsonOutline::kNameBytes) return 0;
    }
    fuzz::require(whole_ok, "every JSON object has an outline");
    fuzz::require(parsed->size() == whole.fields().size(), "as many fields");
  }
  if (!whole_ok) return 0;
  for (std::size_t i = 0; i < whole.fields().size(); ++i) {
    const auto& field = whole.fields()[i];
    const auto& other = cut.fields()[i];
    fuzz::require(field.name == other.name && field.begin == other.begin && field.end == other.end &&
                      field.text == other.text,
                  "cutting changes no field");
    fuzz::require(field.begin < field.end && field.end <= text.size(), "within the text");
    if (!field.text.empty()) {
      fuzz::require(field.text == text.substr(field.begin, field.end - field.begin),
                    "the text is the value's");
    }
    if (parsed && !field.text.empty()) {
      fuzz::require(parse_json(field.text) == (*parsed)[field.name], "the value is the parser's");
    }
  }
  (void)find_json_value(text, "usage");
  return 0;
}
