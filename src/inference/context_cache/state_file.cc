#include "inference/context_cache/state_file.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/encoding.h"

namespace acloud::inference {
namespace {

static_assert(std::endian::native == std::endian::little, "tokens are written as they lie in memory");

constexpr std::string_view kMagic = "acloudKV";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kKindAt = 24;
constexpr std::size_t kSumAt = kKindAt + kKindBytes;
constexpr std::size_t kSumBytes = 32;
constexpr std::size_t kHead = kSumAt + kSumBytes;
constexpr std::uint32_t kMostTokens = 1U << 24U;
constexpr std::uint64_t kMostState = 1ULL << 40U;

template <class Number>
void put(std::string& to, Number number) {
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

template <class Number>
Number get(std::string_view from, std::size_t at) {
  Number number;
  std::memcpy(&number, from.data() + at, sizeof number);
  return number;
}

std::string_view bytes_of(std::span<const Token> tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes()};
}

std::string sum_of(std::string_view head, std::string_view tokens, std::string_view state) {
  Sha256 sum;
  sum.update(head.substr(0, kSumAt));
  sum.update(tokens);
  sum.update(state);
  return sum.finish();
}

std::unexpected<Error> no_state(std::string_view why) {
  return fail(ErrorCode::invalid_argument, "not a kept state: {}", why);
}

struct Head {
  std::uint32_t tokens;
  std::uint64_t state;
};

Result<Head> parse_head(std::string_view head, std::uint64_t size) {
  if (head.size() != kHead || !head.starts_with(kMagic)) return no_state("it does not begin as one");
  if (get<std::uint32_t>(head, kMagic.size()) != kVersion) return no_state("of another version");
  const Head found{.tokens = get<std::uint32_t>(head, 12), .state = get<std::uint64_t>(head, 16)};
  if (found.tokens == 0 || found.tokens > kMostTokens || found.state > kMostState ||
      size != kHead + found.tokens * sizeof(Token) + found.state)
    return no_state("its size is not what it says");
  return found;
}

struct Label {
  std::string head;
  StateLabel said;
};

Result<Label> read_beginning(store::File& file) {
  ACLOUD_TRY(const std::uint64_t size, file.size());
  Label label;
  ACLOUD_TRY(label.head, file.read(0, kHead));
  ACLOUD_TRY(const Head head, parse_head(label.head, size));
  ACLOUD_TRY(const std::string tokens, file.read(kHead, head.tokens * sizeof(Token)));
  label.said.tokens.resize(head.tokens);
  if (tokens.size() != head.tokens * sizeof(Token)) return no_state("it was cut");
  std::memcpy(label.said.tokens.data(), tokens.data(), tokens.size());
  label.said.kind = label.head.substr(kKindAt, kKindBytes);
  label.said.state_bytes = head.state;
  return label;
}

}  // namespace

std::int64_t state_file_bytes(std::size_t tokens, std::size_t state) {
  return static_cast<std::int64_t>(kHead + tokens * sizeof(Token) + state);
}

Result<> write_state(store::File& file, const std::string& kind, std::span<const Token> tokens,
                     std::string_view state) {
  std::string head(kMagic);
  put(head, kVersion);
  put(head, static_cast<std::uint32_t>(tokens.size()));
  put(head, static_cast<std::uint64_t>(state.size()));
  head += kind;
  head += sum_of(head, bytes_of(tokens), state);
  head += bytes_of(tokens);
  ACLOUD_CHECK(file.write(0, head));
  return file.write(head.size(), state);
}

Result<StateLabel> read_label(store::File& file) {
  ACLOUD_TRY(Label label, read_beginning(file));
  return std::move(label.said);
}

Result<std::string> read_state(store::File& file, const std::string& kind, std::span<const Token> tokens) {
  ACLOUD_TRY(const Label label, read_beginning(file));
  if (label.said.kind != kind) return no_state("of another model");
  if (!std::ranges::equal(label.said.tokens, tokens)) return no_state("of other tokens");
  ACLOUD_TRY(std::string state, file.read(kHead + tokens.size_bytes(), label.said.state_bytes));
  if (state.size() != label.said.state_bytes) return no_state("it was cut");
  if (sum_of(label.head, bytes_of(tokens), state) != label.head.substr(kSumAt, kSumBytes))
    return no_state("its checksum does not agree");
  return state;
}

}  // namespace acloud::inference
