#include "inference/engine/grammar_bound.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <vector>

namespace acloud::inference {
namespace {

// What a part counts that may be left out, and one that repeats. 200 take about a second a token at worst, by
// measurement; a pattern of an address or a date has 20, an object one a property that is not required.
constexpr std::int64_t kOptional = 1;
constexpr std::int64_t kRepeats = 4;
constexpr std::int64_t kMost = 200;
constexpr std::int64_t kFar = 1'000'000'000;
constexpr int kDeepest = 200;

struct Element;
using Alternatives = std::vector<std::vector<Element>>;

// A character, or a rule by its name, or a group.
struct Element {
  std::string rule = {};
  Alternatives group = {};
  std::int64_t least = 1;
  std::int64_t most = 1;
};

using Rules = std::map<std::string, Alternatives, std::less<>>;

// Takes a text apart as far as it is a grammar.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Rules read() {
    Rules rules;
    for (;;) {
      skip(true);
      const std::string name = word();
      skip(false);
      if (name.empty() || !text_.starts_with("::=")) return rules;
      text_.remove_prefix(3);
      rules[name] = alternatives(0);
    }
  }
  bool too_deep() const { return too_deep_; }
  // Something is to come more often than it may.
  bool contradicts() const { return contradicts_; }

 private:
  static bool of_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }
  std::string word() {
    const auto end = std::ranges::find_if_not(text_, of_word);
    std::string found(text_.begin(), end);
    text_.remove_prefix(found.size());
    return found;
  }
  void skip(bool lines) {
    while (!text_.empty()) {
      const char c = text_.front();
      if (c == '#') {
        text_.remove_prefix(std::min(text_.find('\n'), text_.size()));
      } else if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'))) {
        text_.remove_prefix(1);
      } else {
        return;
      }
    }
  }
  // Past the character `end`, if it comes: '"' or ']'.
  void skip_to(char end) {
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(c == '\\' ? std::min<std::size_t>(2, text_.size()) : 1);
      if (c == end) return;
    }
  }
  // Whether a rule's definition begins here.
  bool at_rule() const {
    Reader ahead(text_);
    ahead.skip(true);
    if (ahead.word().empty()) return false;
    ahead.skip(false);
    return ahead.text_.starts_with("::=");
  }

  Alternatives alternatives(int depth) {
    Alternatives all(1);
    too_deep_ = too_deep_ || depth > kDeepest;
    while (!too_deep_) {
      skip(depth > 0);
      if (text_.empty()) return all;
      const char c = text_.front();
      if (c == ')') return all;
      if (c == '\n' || c == '\r') {
        if (at_rule()) return all;
        text_.remove_prefix(1);
      } else if (c == '|') {
        text_.remove_prefix(1);
        all.emplace_back();
        skip(true);
      } else if (c == '*' || c == '+' || c == '?' || c == '{') {
        repeat(all.back());
      } else {
        all.back().push_back(element(depth));
      }
    }
    return all;
  }
  Element element(int depth) {
    const char c = text_.front();
    if (of_word(c)) return {.rule = word()};
    text_.remove_prefix(1);
    Element made;
    if (c == '"') skip_to('"');
    if (c == '[') skip_to(']');
    if (c != '(') return made;
    made.group = alternatives(depth + 1);
    if (text_.starts_with(')')) text_.remove_prefix(1);
    return made;
  }
  void repeat(std::vector<Element>& sequence) {
    const char c = text_.front();
    text_.remove_prefix(1);
    std::int64_t least = c == '+' ? 1 : 0;
    std::int64_t most = c == '?' ? 1 : kFar;
    if (c == '{') {
      const std::string_view inside = text_.substr(0, text_.find('}'));
      text_.remove_prefix(std::min(inside.size() + 1, text_.size()));
      const auto comma = inside.find(',');
      least = number(inside.substr(0, comma), 0);
      most = comma == std::string_view::npos ? least : number(inside.substr(comma + 1), kFar);
    }
    contradicts_ = contradicts_ || most < least;
    if (sequence.empty()) return;
    sequence.back().least = least;
    sequence.back().most = most;
  }
  static std::int64_t number(std::string_view digits, std::int64_t otherwise) {
    while (digits.starts_with(' ')) digits.remove_prefix(1);
    std::int64_t value = otherwise;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return std::clamp<std::int64_t>(value, 0, kFar);
  }

  std::string_view text_;
  bool too_deep_ = false;
  bool contradicts_ = false;
};

struct Score {
  bool may_be_empty = false;
  std::int64_t open = 0;   // what it adds to its neighbours
  std::int64_t worst = 0;  // the longest run in it
};

class Judge {
 public:
  explicit Judge(const Rules& rules) : rules_(rules) {}

  Score rule(const std::string& name) {
    const auto found = rules_.find(name);
    const auto [known, is_new] = known_.try_emplace(name);
    // One that is asked for while it is being judged is taken for one that must be there.
    if (!is_new || found == rules_.end() || depth_ > kDeepest) return known->second;
    ++depth_;
    const Score score = of(found->second);
    --depth_;
    return known_[name] = score;
  }

 private:
  static std::int64_t bounded(std::int64_t value) { return std::min(value, kFar); }

  Score of(const Alternatives& all) {
    Score score;
    for (const std::vector<Element>& sequence : all) {
      const Score one = of(sequence);
      score.may_be_empty = score.may_be_empty || one.may_be_empty;
      score.open = bounded(score.open + one.open);
      score.worst = std::max(score.worst, one.worst);
    }
    score.worst = std::max(score.worst, score.open);
    return score;
  }
  Score of(const std::vector<Element>& sequence) {
    Score score{.may_be_empty = true};
    std::int64_t run = 0;
    for (const Element& element : sequence) {
      const Score one = of(element);
      const bool loose = one.may_be_empty || element.most > 1;
      run = loose ? bounded(run + one.open) : 0;
      score.may_be_empty = score.may_be_empty && one.may_be_empty;
      score.worst = std::max({score.worst, one.worst, run});
    }
    if (score.may_be_empty) score.open = run;
    return score;
  }
  Score of(const Element& element) {
    Score inner;
    if (!element.rule.empty()) inner = rule(element.rule);
    if (!element.group.empty()) inner = of(element.group);
    if (element.least == 1 && element.most == 1) return inner;
    Score score{.may_be_empty = inner.may_be_empty || element.least == 0, .worst = inner.worst};
    if (element.most <= 1) {
      score.open = kOptional + (inner.may_be_empty ? inner.open : 0);
    } else {
      const std::int64_t once = element.group.size() > 1 ? 2 * kRepeats : kRepeats;
      // Each time that it may be empty is one more way to read the same.
      const std::int64_t times = element.most == kFar ? 1 : element.most;
      score.open = inner.may_be_empty ? bounded(std::min(times, kMost + 1) * (inner.open + once)) : once;
    }
    score.worst = std::max(score.worst, score.open);
    return score;
  }

  const Rules& rules_;
  std::map<std::string, Score> known_;
  int depth_ = 0;
};

}  // namespace

Result<> check_ambiguity(std::string_view gbnf) {
  Reader reader(gbnf);
  const Rules rules = reader.read();
  if (reader.too_deep())
    return fail(ErrorCode::invalid_argument, "the grammar is nested deeper than {} times", kDeepest);
  // llama.cpp would count down from the one to the other, and take memory until there is none.
  if (reader.contradicts())
    return fail(ErrorCode::invalid_argument,
                "the reply can't be constrained so: a part is to come more often than it may");
  Judge judge(rules);
  for (const auto& [name, rule] : rules) {
    if (judge.rule(name).worst <= kMost) continue;
    return fail(
        ErrorCode::invalid_argument,
        "the reply can't be constrained so: in {} too many parts that repeat, or may be left out, follow "
        "each other: put something between them that must be there",
        name);
  }
  return {};
}

}  // namespace acloud::inference
