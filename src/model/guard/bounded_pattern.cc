#include "model/guard/bounded_pattern.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace acloud::model::guard {
namespace {

constexpr int kNesting = 20;
constexpr std::size_t kRepetitions = 1000;  // RE2 takes no more

// A part of a pattern. `begun` matches its beginnings, also the empty one.
struct Part {
  std::string whole;
  std::string begun;
  std::size_t longest = 0;
  bool single = false;  // has no proper beginning but the empty one
};

class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern) {}

  Result<Part> all() {
    ACLOUD_TRY(Part part, alternatives(0));
    if (at_ < pattern_.size()) return wrong("a ) that nothing opened");
    return part;
  }

 private:
  bool ahead(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }
  std::unexpected<Error> wrong(std::string_view what) const {
    return fail(ErrorCode::invalid_argument, "at character {}: {}", at_ + 1, what);
  }

  Result<Part> alternatives(int depth) {
    if (depth > kNesting) return wrong("groups are nested too deep");
    ACLOUD_TRY(Part all, sequence(depth));
    while (ahead("|")) {
      ++at_;
      ACLOUD_TRY(const Part other, sequence(depth));
      all = {all.whole + "|" + other.whole, all.begun + "|" + other.begun,
             std::max(all.longest, other.longest), false};
    }
    return all;
  }

  Result<Part> sequence(int depth) {
    std::vector<Part> parts;
    while (at_ < pattern_.size() && !ahead("|") && !ahead(")")) {
      ACLOUD_TRY(Part part, repeated(depth));
      parts.push_back(std::move(part));
    }
    Part all;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
      all.whole = part->whole + all.whole;
      all.longest += part->longest;
      all.begun = part->single ? fmt::format("(?:{}{})?", part->whole, all.begun)
                               : fmt::format("(?:{}{}|{})", part->whole, all.begun, part->begun);
    }
    if (all.longest > kLongestMatch) return wrong("its matches can be too long");
    return all;
  }

  Result<Part> repeated(int depth) {
    ACLOUD_TRY(const Part part, atom(depth));
    if (ahead("?")) {
      ++at_;
      return lazy({part.whole + "?", part.begun, part.longest, false});
    }
    if (ahead("*") || ahead("+")) return wrong("a repetition without an end; write {1,40} or the like");
    if (!ahead("{")) return part;
    ACLOUD_TRY(const std::size_t most, repetitions());
    const std::string times(pattern_.substr(repetition_, at_ - repetition_));
    const std::string before = most > 1 ? fmt::format("(?:{}){{0,{}}}", part.whole, most - 1) : "";
    return lazy({part.whole + times, before + part.begun, part.longest * most, false});
  }

  Part lazy(Part part) {
    if (ahead("?")) {
      ++at_;
      part.whole += '?';
    }
    return part;
  }

  Result<std::size_t> number() {
    std::size_t value = 0;
    const char* begin = pattern_.data() + at_;
    const auto [end, error] = std::from_chars(begin, pattern_.data() + pattern_.size(), value);
    if (error != std::errc() || value > kRepetitions) return wrong("a number up to 1000 should stand here");
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }

  // {n} or {m,n}: how often at most.
  Result<std::size_t> repetitions() {
    repetition_ = at_++;
    ACLOUD_TRY(std::size_t most, number());
    if (ahead(",")) {
      ++at_;
      if (ahead("}")) return wrong("a repetition without an end; say how often at most");
      ACLOUD_TRY(most, number());
    }
    if (!ahead("}")) return wrong("} should stand here");
    ++at_;
    if (most == 0) return wrong("a repetition of nothing");
    return most;
  }

  Part one(std::size_t size, std::size_t longest = 1) {
    Part part{std::string(pattern_.substr(at_, size)), "", longest, true};
    part.begun = longest == 0 ? "" : part.whole + "?";
    at_ += size;
    return part;
  }

  Result<Part> atom(int depth) {
    const char c = pattern_[at_];
    if (c == '(') return group(depth);
    if (c == '[') return character_class();
    if (c == '\\') return escape();
    if (c == '^' || c == '$') return wrong("a text's beginning and end can't be asked for; use \\b");
    if (c == '*' || c == '+' || c == '?' || c == '{' || c == '}')
      return wrong("a repetition of nothing; write \\ before the character where it is meant itself");
    std::size_t size = 1;
    while (at_ + size < pattern_.size() && (static_cast<unsigned char>(pattern_[at_ + size]) & 0xC0) == 0x80)
      ++size;
    return one(size);
  }

  Result<Part> group(int depth) {
    std::string_view open = "(";
    for (const std::string_view known : {"(?:", "(?i:"}) {
      if (ahead(known)) open = known;
    }
    if (open == "(" && ahead("(?")) return wrong("only (?:...) and (?i:...) are known of the groups with ?");
    at_ += open.size();
    ACLOUD_TRY(const Part inside, alternatives(depth + 1));
    if (!ahead(")")) return wrong("a group is not closed");
    ++at_;
    const std::string_view kind = open == "(" ? "(?:" : open;
    return Part{fmt::format("{}{})", kind, inside.whole), fmt::format("{}{})", kind, inside.begun),
                inside.longest, false};
  }

  Result<Part> character_class() {
    std::size_t end = at_ + 1;
    if (end < pattern_.size() && pattern_[end] == '^') ++end;
    if (end < pattern_.size() && pattern_[end] == ']') ++end;
    while (end < pattern_.size() && pattern_[end] != ']') {
      if (pattern_[end] == '\\') {
        ++end;
      } else if (pattern_.substr(end).starts_with("[:")) {
        end = std::min(pattern_.find(":]", end), pattern_.size() - 1);
        ++end;
      }
      ++end;
    }
    if (end >= pattern_.size()) return wrong("a class is not closed");
    return one(end + 1 - at_);
  }

  Result<Part> escape() {
    if (at_ + 1 >= pattern_.size()) return wrong("a \\ with nothing after it");
    const char kind = pattern_[at_ + 1];
    if (kind == 'b' || kind == 'B') return one(2, 0);
    constexpr std::string_view kRefused = "AzZGQECKRX0123456789";
    if (kRefused.find(kind) != kRefused.npos) return wrong(fmt::format("\\{} is not known here", kind));
    const bool named = kind == 'p' || kind == 'P' || kind == 'x';
    if (!named) return one(2);
    if (pattern_.substr(at_ + 2).starts_with("{")) {
      const std::size_t end = pattern_.find('}', at_);
      if (end == pattern_.npos) return wrong("a { is not closed");
      return one(end + 1 - at_);
    }
    const std::size_t size = kind == 'x' ? 4 : 3;
    if (at_ + size > pattern_.size()) return wrong("an escape is not whole");
    return one(size);
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  std::size_t repetition_ = 0;  // where the last one began
};

}  // namespace

Result<BoundedPattern> bound(std::string_view pattern) {
  constexpr std::string_view kAnyCase = "(?i)";
  const std::string_view flags = pattern.starts_with(kAnyCase) ? kAnyCase : "";
  Parser parser(pattern.substr(flags.size()));
  ACLOUD_TRY(const Part part, parser.all());
  if (part.longest == 0) return fail(ErrorCode::invalid_argument, "it matches no character");
  return BoundedPattern{fmt::format("{}(?:{})", flags, part.whole),
                        fmt::format("{}(?:{})", flags, part.begun), part.longest};
}

}  // namespace acloud::model::guard
