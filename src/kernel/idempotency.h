// One effect for one idempotency key, whatever is sent again.
//
// A key belongs to its workspace and is kept 24 hours. The first call claims it; its reply is recorded in the
// same transaction as its effect (Settlement), and is given again to whoever repeats the call. The same key
// with another operation or other arguments is a conflict. A call that failed frees its key, since nothing
// was done. A claim whose server died is free again when that server's lease is over (instances.h), and then
// fenced: should the server be alive after all, its call can't be recorded any more, nor what it would
// change.
#pragma once

#include <string>

#include "base/clock.h"
#include "kernel/grant.h"
#include "store/database.h"

namespace acloud::kernel {

class Idempotency {
 public:
  // `instance` names this run of the server: a claim of another run on a store that only one server can hold
  // (`exclusive`) is dead at once, else when its lease is over.
  Idempotency(store::Database& database, Clock& clock, std::string instance, bool exclusive)
      : database_(database), clock_(clock), instance_(std::move(instance)), exclusive_(exclusive) {}

  static constexpr std::chrono::hours kKept{24};
  static constexpr std::size_t kKeyBytes = 255;

  static std::vector<store::Migration> migrations();

  struct Claim {
    std::optional<std::string> earlier_reply;  // JSON; set where the call was done before
    std::string earlier_body;                  // the SHA-256 of its raw body; "" where it had none
  };
  // Errors: conflict (other call, or one still running, with retry_after), invalid_argument (key too long).
  Task<Result<Claim>> claim(const std::string& workspace, const std::string& key, std::string fingerprint);
  // Records the reply, and the SHA-256 of the raw body ("" for none), in the transaction of the effect.
  // Errors: conflict: the claim is another server's by now, so the effect must not be.
  Result<> complete_in(store::Transaction& transaction, const std::string& workspace, const std::string& key,
                       const std::string& reply_json, std::string body_digest) const;
  static Error used_otherwise();
  // Frees the key of a call that failed.
  Task<Result<>> release(std::string workspace, std::string key);
  // Removes what is older than kKept.
  Task<Result<>> sweep();

 private:
  store::Database& database_;
  Clock& clock_;
  std::string instance_;
  bool exclusive_;
};

}  // namespace acloud::kernel
