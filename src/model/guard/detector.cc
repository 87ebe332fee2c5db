#include "model/guard/detector.h"

#include <re2/re2.h>

#include <stdexcept>

#include "model/guard/bounded_pattern.h"

namespace acloud::model::guard {
namespace {

using re2::RE2;
using re2::StringPiece;

constexpr std::int64_t kMemory = 8 << 20;  // of one expression, compiled

StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

std::unique_ptr<RE2> compiled(const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMemory);
  return std::make_unique<RE2>(pattern, options);
}

std::optional<Span> match(const RE2& pattern, std::string_view text, std::size_t from, std::size_t to,
                          RE2::Anchor anchor) {
  StringPiece found;
  if (!pattern.Match(piece(text), from, to, anchor, &found, 1)) return std::nullopt;
  const auto begin = static_cast<std::size_t>(found.data() - text.data());
  return Span{begin, begin + found.size()};
}

}  // namespace

Detector::Detector(std::string name, std::string whole, std::unique_ptr<RE2> pattern,
                   std::unique_ptr<RE2> beginnings)
    : name_(std::move(name)),
      whole_(std::move(whole)),
      pattern_(std::move(pattern)),
      beginnings_(std::move(beginnings)) {}
Detector::Detector(Detector&&) noexcept = default;
Detector::~Detector() = default;

Result<Detector> Detector::make(std::string name, std::string_view pattern) {
  ACLOUD_TRY(BoundedPattern bounded, bound(pattern));
  auto whole = compiled(bounded.whole);
  auto beginnings = compiled(fmt::format("(?:{})\\z", bounded.beginnings));
  for (const RE2* each : {whole.get(), beginnings.get()}) {
    if (!each->ok()) return fail(ErrorCode::invalid_argument, "{}", each->error());
  }
  if (RE2::FullMatch("", *whole)) return fail(ErrorCode::invalid_argument, "it matches an empty text");
  return Detector(std::move(name), std::move(bounded.whole), std::move(whole), std::move(beginnings));
}

Detector Detector::make(const Kind& kind) {
  auto made = make(std::string(kind.name), kind.pattern);
  if (!made) throw std::logic_error(fmt::format("{}: {}", kind.name, made.error().message()));
  for (const char c : kind.tail) made->tail_.set(static_cast<unsigned char>(c));
  made->holds_ = kind.holds;
  return *std::move(made);
}

// A longer match may take in what is no part of it ("4111 1111 1111 1111 12/27"): then a shorter one may be
// right. 0 where none is.
std::size_t Detector::accepted_end(std::string_view text, Span found) const {
  if (holds_ == nullptr) return found.end;
  std::optional<Span> tried = found;
  while (tried && !holds_(text.substr(tried->begin, tried->end - tried->begin))) {
    tried = match(*pattern_, text, found.begin, tried->end - 1, RE2::ANCHOR_START);
  }
  return tried ? tried->end : 0;
}

std::optional<Span> Detector::find(std::string_view text, std::size_t from) const {
  while (const auto found = match(*pattern_, text, from, text.size(), RE2::UNANCHORED)) {
    if (const std::size_t end = accepted_end(text, *found)) return Span{found->begin, end};
    from = found->begin + 1;  // those with a checksum begin with one byte
  }
  return std::nullopt;
}

std::size_t Detector::undecided(std::string_view text, std::size_t from) const {
  const auto found = match(*beginnings_, text, from, text.size(), RE2::UNANCHORED);
  return found ? found->begin : text.size();
}

}  // namespace acloud::model::guard
