#include "kernel/idempotency.h"

#include "kernel/instances.h"

namespace acloud::kernel {

std::vector<store::Migration> Idempotency::migrations() {
  return {{"idempotency-1",
           "CREATE TABLE idempotency ("
           "  workspace TEXT NOT NULL,"
           "  key BYTEA NOT NULL,"
           "  fingerprint BYTEA NOT NULL,"
           "  instance TEXT NOT NULL,"
           "  claimed BIGINT NOT NULL,"
           "  reply TEXT,"
           "  body BYTEA,"
           "  PRIMARY KEY (workspace, key));"
           "CREATE INDEX idempotency_claimed ON idempotency (claimed);"}};
}

Task<Result<Idempotency::Claim>> Idempotency::claim(const std::string& workspace, const std::string& key,
                                                    std::string fingerprint) {
  if (key.size() > kKeyBytes) {
    co_return fail(ErrorCode::invalid_argument, "the idempotency key has {} bytes, more than {}", key.size(),
                   kKeyBytes);
  }
  const Time now = clock_.now();
  auto claimed = co_await database_.write(
      [this, workspace, key, fingerprint, now](store::Transaction& tx) -> Result<Claim> {
        ACLOUD_TRY(const store::Rows rows,
                   tx.query("SELECT fingerprint, instance, claimed, reply, body FROM idempotency "
                            "WHERE workspace = $1 AND key = $2",
                            {workspace, store::Bytes{key}}));
        if (!rows.empty()) {
          const store::Row& row = rows.front();
          const bool expired = row.time(2) + kKept <= now;
          if (!expired && row.bytes(0) != fingerprint) {
            return std::unexpected(used_otherwise());
          }
          if (!expired && !row.is_null(3)) return Claim{row.text(3), row.bytes(4)};
          bool alive = row.text(1) == instance_;
          if (!alive && !exclusive_) {
            ACLOUD_TRY(alive, Instances::is_alive(tx, row.text(1), now));
          }
          if (!expired && alive) {
            return std::unexpected(Error(ErrorCode::conflict,
                                         "the request with this idempotency key is still running; ask again")
                                       .with_retry_after(std::chrono::seconds(1)));
          }
        }
        ACLOUD_CHECK(tx.execute(
            "INSERT INTO idempotency (workspace, key, fingerprint, instance, claimed, reply) "
            "VALUES ($1, $2, $3, $4, $5, NULL) ON CONFLICT (workspace, key) DO UPDATE SET "
            "fingerprint = excluded.fingerprint, instance = excluded.instance, "
            "claimed = excluded.claimed, reply = NULL",
            {workspace, store::Bytes{key}, store::Bytes{fingerprint}, instance_, store::to_value(now)}));
        return Claim{};
      });
  if (!claimed) co_return std::unexpected(std::move(claimed).error());
  co_return std::move(claimed->value);
}

Error Idempotency::used_otherwise() {
  return Error(ErrorCode::conflict,
               "the idempotency key was used for another request; use a new key for a new request");
}

Result<> Idempotency::complete_in(store::Transaction& transaction, const std::string& workspace,
                                  const std::string& key, const std::string& reply_json,
                                  std::string body_digest) const {
  ACLOUD_TRY(
      const std::int64_t held,
      transaction.execute(
          "UPDATE idempotency SET reply = $3, body = $4 WHERE workspace = $1 AND key = $2 AND "
          "instance = $5 AND reply IS NULL",
          {workspace, store::Bytes{key}, reply_json, store::Bytes{std::move(body_digest)}, instance_}));
  if (held == 1) return {};
  return std::unexpected(Error(ErrorCode::conflict,
                               "this server was thought dead and another has taken the call over; ask again")
                             .with_retry_after(std::chrono::seconds(1)));
}

Task<Result<>> Idempotency::release(std::string workspace, std::string key) {
  auto released = co_await database_.write([this, workspace, key](store::Transaction& tx) -> Result<> {
    ACLOUD_CHECK(
        tx.execute("DELETE FROM idempotency WHERE workspace = $1 AND key = $2 AND reply IS NULL AND "
                   "instance = $3",
                   {workspace, store::Bytes{key}, instance_}));
    return {};
  });
  if (!released) co_return std::unexpected(std::move(released).error());
  co_return {};
}

Task<Result<>> Idempotency::sweep() {
  const Time before = clock_.now() - kKept;
  co_return co_await database_.write_durably([before](store::Transaction& tx) -> Result<> {
    ACLOUD_CHECK(tx.execute("DELETE FROM idempotency WHERE claimed < $1", {store::to_value(before)}));
    return {};
  });
}

}  // namespace acloud::kernel
