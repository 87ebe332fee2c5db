// Keys that are given in a call are kept in the store sealed, with a key that is not in the store: whoever
// reads the database, or a copy of it, has none of them. AES-256-GCM with a random nonce each.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/random.h"

namespace acloud::model {

class KeySeal {
 public:
  // Seals nothing.
  KeySeal() = default;
  // `secret`: any text that nobody can guess; all servers on one store have the same.
  explicit KeySeal(std::string_view secret);

  // What was sealed opens for the same `purpose` alone, such as a provider's name and address: a key can't be
  // taken elsewhere by who may write to the store. Errors: precondition_failed: there is no secret.
  Result<std::string> close(Random& random, std::string_view text, std::string_view purpose) const;
  // Errors: precondition_failed: there is no secret, or it was sealed with another, for another purpose, or
  // was changed.
  Result<std::string> open(std::string_view sealed, std::string_view purpose) const;

 private:
  std::optional<std::string> key_;  // 32 bytes
};

}  // namespace acloud::model
