// The file of a kept state. It says which model's it is and which tokens it holds, and a checksum holds it
// together: what was cut, changed or is another model's is refused before a byte of it reaches an engine.
//
//   offset  bytes
//        0      8  "acloudKV"
//        8      4  version of this form: 1
//       12      4  number of tokens
//       16      8  bytes of the state
//       24     32  kind: a digest of all that the state depends on
//       56     32  SHA-256 of all that is before and after these 32 bytes
//       88         the tokens, 4 bytes each, then the state
//
// Numbers are little-endian.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "inference/engine/sampler.h"
#include "store/disk.h"

namespace acloud::inference {

inline constexpr std::size_t kKindBytes = 32;

struct StateLabel {
  std::string kind;  // kKindBytes
  std::vector<Token> tokens;
  std::uint64_t state_bytes = 0;
};

// How large the file is.
std::int64_t state_file_bytes(std::size_t tokens, std::size_t state);

// REQUIRES: an empty file, a kind of kKindBytes. Errors: the disk's.
Result<> write_state(store::File& file, const std::string& kind, std::span<const Token> tokens,
                     std::string_view state);

// What the file says of itself; nothing is checked but its form and its size. Errors: invalid_argument: not
// such a file; the disk's.
Result<StateLabel> read_label(store::File& file);

// The state, of this kind and these tokens, all of it checked. Errors: invalid_argument; the disk's.
Result<std::string> read_state(store::File& file, const std::string& kind, std::span<const Token> tokens);

}  // namespace acloud::inference
