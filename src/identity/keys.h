// Products `workspace` and `key`: who may call at all.
//
// A workspace owns everything that is made in it and sees nothing else. An API key is "acloud_" and 40 hex
// digits (160 random bits), shown once; only its SHA-256 is stored. A key made with a narrowed key keeps that
// key's grants under its own, and goes when that key is revoked.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <unordered_map>

#include "identity/visitors.h"
#include "kernel/call_path.h"
#include "kernel/page.h"

namespace acloud::identity {

inline constexpr std::string_view kDefaultWorkspace = "default";

// The 40 hex digits of a presented key: "acloud_<40>" or "e2b_<40>"; nothing for any other form.
std::optional<std::string> key_digits(std::string_view presented);

std::vector<store::Migration> migrations();

// Looks keys up, remembering each for a second, so that a revoked key is refused by every server on the
// database a second later at most, and at once by the one that revoked it.
class Keys final : public kernel::Identities {
 public:
  // `visits`: whether there is anything to call without a key.
  Keys(store::Database& database, Clock& clock, bool visits)
      : database_(database), clock_(clock), visits_(visits), visitors_(clock) {}

  Task<Result<kernel::Caller>> identify(const std::string& presented) override;
  Result<kernel::Caller> visit(std::string_view peer) override;
  // Forgets what was remembered: after a revocation.
  void forget();

  // Which of these workspaces there are not, or no more.
  Task<Result<std::set<std::string>>> missing(std::set<std::string> workspaces);

  // Was this key made, and not revoked since?
  Task<Result<bool>> works(std::string id);

  // Sees to it that workspace `default` and this root key exist.
  Task<Result<>> ensure_root(std::string presented);

 private:
  struct Remembered {
    kernel::Caller caller;
    Instant since;
  };
  Task<Result<kernel::Caller>> look_up(std::string hash);

  store::Database& database_;
  Clock& clock_;
  const bool visits_;
  Visitors visitors_;
  std::mutex mutex_;  // guards what follows
  std::unordered_map<std::string, Remembered> remembered_;
  std::uint64_t generation_ = 0;  // counts forget(): a look-up begun before one is not remembered
};

// The root key of the data folder: read from <folder>/root.key, or made (mode 0600, durable) on first start.
Result<std::string> root_key(const std::string& folder, Random& random);

}  // namespace acloud::identity
