#include "identity/sign_up.h"

#include "ledger/money.h"

namespace acloud::identity {
namespace {

using kernel::Context;
using store::Bytes;
using store::Rows;
using store::Transaction;

constexpr std::size_t kSuffixBytes = 4;  // so that a name tells nothing of the names that there are
constexpr std::chrono::hours kFullRetry{1};
constexpr std::string_view kAll = "all";

// Counts one more for `who` today. Errors: rate_limited, until tomorrow.
Result<> count(Transaction& tx, const std::string& who, std::int64_t most, Time now) {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  ACLOUD_TRY(const Rows rows,
             tx.query("INSERT INTO sign_ups_counted (who, day, count) VALUES ($1, $2, 1) "
                      "ON CONFLICT (who, day) DO UPDATE SET count = sign_ups_counted.count + 1 "
                      "RETURNING count",
                      {who, std::int64_t{day.time_since_epoch().count()}}));
  if (rows.front().integer(0) <= most) return {};
  const auto left = day + std::chrono::days(1) - now;
  return std::unexpected(
      Error(ErrorCode::rate_limited,
            fmt::format("{} may sign up {} times a day; ask whoever runs this cloud for a key, or come back "
                        "after midnight UTC",
                        who == kAll ? "all visitors together" : who, most))
          .with_retry_after(std::chrono::ceil<std::chrono::seconds>(left)));
}

Result<> check_room(Transaction& tx, std::int64_t most) {
  ACLOUD_TRY(const Rows rows, tx.query("SELECT COUNT(*) FROM sign_ups"));
  if (rows.front().integer(0) < most) return {};
  return std::unexpected(
      Error(ErrorCode::unavailable, fmt::format("there are {} workspaces of sign-ups, as many as this cloud "
                                                "takes; ask whoever runs it for a key",
                                                most))
          .with_retry_after(kFullRetry));
}

}  // namespace

bool is_sign_up_name(std::string_view text) { return is_name(text) && text.size() <= 48; }

Result<> check(const SignUpConfig& config) {
  if (!config.enabled) return {};
  const auto budget = ledger::Money::parse(config.budget);
  if (!budget) return std::unexpected(Error(budget.error()).within("signup.budget"));
  if (*budget <= ledger::Money())
    return fail(ErrorCode::invalid_argument, "signup.budget: {} is not above zero", config.budget);
  return {};
}

std::vector<store::Migration> SignUpService::migrations() {
  return {{"sign-up-1",
           "CREATE TABLE sign_ups (workspace TEXT PRIMARY KEY, address TEXT NOT NULL, made BIGINT NOT NULL);"
           "CREATE TABLE sign_ups_counted (who TEXT NOT NULL, day BIGINT NOT NULL, count BIGINT NOT NULL,"
           "  PRIMARY KEY (who, day));"}};
}

Task<Result<SignedUp>> SignUpService::sign_up(Context& context, SignUp request) {
  const std::string digits = context.random.hex(20);
  const SignedUp made{.workspace = Id<WorkspaceKind>::make(context.random).text(),
                      .name = fmt::format("{}-{}", request.name, context.random.hex(kSuffixBytes)),
                      .id = Id<KeyKind>::make(context.random).text(),
                      .key = "acloud_" + digits,
                      .budget = config_.budget};
  const store::Value grant = config_.operations.empty()
                                 ? store::Value()
                                 : store::Value(encode(kernel::Grant{
                                       .operations = config_.operations, .resources = {}, .expires = {}}));
  co_return co_await context.commit([this, made, digits, grant, address = context.caller.principal,
                                     now = context.clock.now()](Transaction& tx) -> Result<SignedUp> {
    const auto today = std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
    ACLOUD_CHECK(tx.execute("DELETE FROM sign_ups_counted WHERE day < $1", {std::int64_t{today}}));
    ACLOUD_CHECK(count(tx, address, config_.per_address, now));
    ACLOUD_CHECK(count(tx, std::string(kAll), config_.per_day, now));
    ACLOUD_CHECK(check_room(tx, config_.workspaces));
    const store::Value at = store::to_value(now);
    ACLOUD_CHECK(tx.execute("INSERT INTO workspaces (id, name, created) VALUES ($1, $2, $3)",
                            {made.workspace, made.name, at}));
    ACLOUD_CHECK(tx.execute("INSERT INTO sign_ups (workspace, address, made) VALUES ($1, $2, $3)",
                            {made.workspace, address, at}));
    ACLOUD_CHECK(
        tx.execute("INSERT INTO api_keys (id, workspace, name, principal, hash, grant_json, parent, "
                   "is_operator, created) VALUES ($1, $2, 'first', 'key/first', $3, $4, NULL, 0, $5)",
                   {made.id, made.workspace, Bytes{sha256(digits)}, grant, at}));
    ACLOUD_CHECK(set_budget_(tx, made.workspace, config_.budget, now));
    return made;
  });
}

Result<> SignUpService::forget_workspace(Transaction& transaction, const std::string& workspace) const {
  ACLOUD_TRY(const std::int64_t gone,
             transaction.execute("DELETE FROM sign_ups WHERE workspace = $1", {workspace}));
  return gone == 0 ? Result<>() : remove_budget_(transaction, workspace);
}

}  // namespace acloud::identity
