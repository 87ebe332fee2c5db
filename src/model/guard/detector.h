// One thing that guardrails look for, and where it stands in a text.
//
// A finding is a match of the detector's pattern, as long as its checksum allows, and all the characters
// right after it that belong to what was found however long it is (the `tail`): the rest of a token, the
// lines of a key. So what decides that something is there has a longest length, and what is hidden has none.
#pragma once

#include <bitset>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace re2 {
class RE2;
}

namespace acloud::model::guard {

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

// What is known without being configured.
struct Kind {
  std::string_view name;
  std::string_view group;  // "secrets" or "personal_data"
  std::string_view pattern;
  std::string_view tail;                      // characters; "" for none
  bool (*holds)(std::string_view) = nullptr;  // its checksum; null for none
  std::string_view source;                    // where its form is said
};
std::span<const Kind> kinds();

class Detector {
 public:
  // Errors: invalid_argument: not a pattern, or not one that bound() takes.
  static Result<Detector> make(std::string name, std::string_view pattern);
  static Detector make(const Kind& kind);
  Detector(Detector&&) noexcept;
  ~Detector();

  const std::string& name() const { return name_; }
  const std::string& pattern() const { return whole_; }
  // The first finding that begins at `from` or after it, without its tail; what stands before `from` is seen
  // by \b alone.
  std::optional<Span> find(std::string_view text, std::size_t from) const;
  // Where the first finding begins that more text might still make, unmake or lengthen; the text's end where
  // there is none such.
  std::size_t undecided(std::string_view text, std::size_t from) const;
  bool in_tail(char c) const { return tail_.test(static_cast<unsigned char>(c)); }
  bool has_tail() const { return tail_.any(); }

 private:
  Detector(std::string name, std::string whole, std::unique_ptr<re2::RE2> pattern,
           std::unique_ptr<re2::RE2> beginnings);
  std::size_t accepted_end(std::string_view text, Span match) const;

  std::string name_;
  std::string whole_;
  std::unique_ptr<re2::RE2> pattern_;
  std::unique_ptr<re2::RE2> beginnings_;  // anchored at the text's end
  std::bitset<256> tail_;
  bool (*holds_)(std::string_view) = nullptr;
};

}  // namespace acloud::model::guard
