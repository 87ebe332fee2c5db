#include "ledger/usage_tables.h"

namespace acloud::ledger {
namespace {

// What one row of usage_totals is about.
struct Group {
  Time hour{};
  std::string_view workspace;
  std::string_view key;
  std::string_view principal;
  std::string_view operation;
  std::string_view model;
  std::string_view outcome;
  friend auto operator<=>(const Group&, const Group&) = default;
};

struct Sum {
  std::int64_t calls = 0;
  std::int64_t estimated = 0;
  Tokens tokens;
  Media media;
  Money cost;
};
using Sums = std::map<Group, Sum>;

Group group_of(const Entry& entry, Time at, std::string_view model) {
  return {std::chrono::floor<std::chrono::hours>(at),
          entry.workspace,
          entry.key,
          entry.principal,
          entry.operation,
          model,
          entry.outcome};
}

// False where the row is there already.
Result<bool> insert_use(store::Transaction& transaction, const Entry& entry, std::size_t part,
                        const std::string& instance) {
  const Charge& charge = entry.charges[part];
  const Tokens& tokens = charge.tokens;
  const Media media = charge.media.value_or(Media());
  ACLOUD_TRY(
      const std::int64_t inserted,
      transaction.execute(
          "INSERT INTO usage_calls (workspace, started, request_id, part, key_id, principal, task, "
          "operation, "
          "outcome, model, provider, estimated, batch, explicit_cache, input_uncached, cache_read, "
          "cache_write_5m, cache_write_1h, output, reasoning, cost_micro, cost_rest, priced, instance, "
          "video_ms, images, resolution) "
          "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
          "$20, "
          "$21, $22, $23, $24, $25, $26, $27) ON CONFLICT (workspace, started, request_id, part) DO NOTHING",
          {std::string(entry.workspace),
           store::to_value(charge.at),
           std::string(entry.request_id),
           static_cast<std::int64_t>(part),
           std::string(entry.key),
           std::string(entry.principal),
           std::string(entry.task()),
           std::string(entry.operation),
           std::string(entry.outcome),
           charge.model,
           charge.provider,
           std::int64_t{charge.estimated},
           std::int64_t{charge.batch},
           std::int64_t{charge.explicit_cache},
           tokens.input_uncached,
           tokens.cache_read,
           tokens.cache_write_5m,
           tokens.cache_write_1h,
           tokens.output,
           tokens.reasoning,
           charge.cost.micro(),
           charge.cost.rest(),
           std::int64_t{charge.priced},
           instance,
           std::int64_t{media.video.count()},
           media.images,
           charge.resolution.value_or("")}));
  return inserted > 0;
}

Result<> add_to_totals(store::Transaction& transaction, const Group& group, const Sum& sum,
                       const std::string& instance) {
  const Tokens& tokens = sum.tokens;
  ACLOUD_CHECK(transaction.execute(
      "INSERT INTO usage_totals AS total (hour, workspace, key_id, principal, operation, model, outcome, "
      "instance, calls, estimated, input_uncached, cache_read, cache_write_5m, cache_write_1h, output, "
      "reasoning, cost_micro, cost_rest, video_ms, images) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) "
      "ON CONFLICT (workspace, hour, key_id, principal, operation, model, outcome, instance) DO UPDATE SET "
      "calls = total.calls + excluded.calls, estimated = total.estimated + excluded.estimated, "
      "input_uncached = total.input_uncached + excluded.input_uncached, "
      "cache_read = total.cache_read + excluded.cache_read, "
      "cache_write_5m = total.cache_write_5m + excluded.cache_write_5m, "
      "cache_write_1h = total.cache_write_1h + excluded.cache_write_1h, "
      "video_ms = total.video_ms + excluded.video_ms, images = total.images + excluded.images, "
      "output = total.output + excluded.output, reasoning = total.reasoning + excluded.reasoning, "
      "cost_micro = total.cost_micro + excluded.cost_micro + "
      "(total.cost_rest + excluded.cost_rest) / 1000000000000, "
      "cost_rest = (total.cost_rest + excluded.cost_rest) % 1000000000000",
      {store::to_value(group.hour),
       std::string(group.workspace),
       std::string(group.key),
       std::string(group.principal),
       std::string(group.operation),
       std::string(group.model),
       std::string(group.outcome),
       instance,
       sum.calls,
       sum.estimated,
       tokens.input_uncached,
       tokens.cache_read,
       tokens.cache_write_5m,
       tokens.cache_write_1h,
       tokens.output,
       tokens.reasoning,
       sum.cost.micro(),
       sum.cost.rest(),
       std::int64_t{sum.media.video.count()},
       sum.media.images}));
  return {};
}

}  // namespace

std::vector<store::Migration> UsageTables::migrations() {
  return {
      {"usage-1",
       "CREATE TABLE usage_hours ("
       "  hour BIGINT NOT NULL,"
       "  workspace TEXT NOT NULL,"
       "  key_id TEXT NOT NULL,"
       "  principal TEXT NOT NULL,"
       "  operation TEXT NOT NULL,"
       "  outcome TEXT NOT NULL,"
       "  instance TEXT NOT NULL,"
       "  calls BIGINT NOT NULL,"
       "  PRIMARY KEY (workspace, hour, key_id, principal, operation, outcome, instance));"},
      {"usage-2",
       "CREATE TABLE usage_totals ("
       "  hour BIGINT NOT NULL,"
       "  workspace TEXT NOT NULL,"
       "  key_id TEXT NOT NULL,"
       "  principal TEXT NOT NULL,"
       "  operation TEXT NOT NULL,"
       "  model TEXT NOT NULL,"
       "  outcome TEXT NOT NULL,"
       "  instance TEXT NOT NULL,"
       "  calls BIGINT NOT NULL,"
       "  estimated BIGINT NOT NULL,"
       "  input_uncached BIGINT NOT NULL,"
       "  cache_read BIGINT NOT NULL,"
       "  cache_write_5m BIGINT NOT NULL,"
       "  cache_write_1h BIGINT NOT NULL,"
       "  output BIGINT NOT NULL,"
       "  reasoning BIGINT NOT NULL,"
       "  cost_micro BIGINT NOT NULL,"
       "  cost_rest BIGINT NOT NULL,"
       "  PRIMARY KEY (workspace, hour, key_id, principal, operation, model, outcome, instance));"
       "INSERT INTO usage_totals (hour, workspace, key_id, principal, operation, model, outcome, instance,"
       "  calls, estimated, input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning,"
       "  cost_micro, cost_rest)"
       "  SELECT hour, workspace, key_id, principal, operation, '', outcome, instance, calls,"
       "  0, 0, 0, 0, 0, 0, 0, 0, 0 FROM usage_hours;"
       "DROP TABLE usage_hours;"
       "CREATE TABLE usage_calls ("
       "  workspace TEXT NOT NULL,"
       "  started BIGINT NOT NULL,"
       "  request_id TEXT NOT NULL,"
       "  part BIGINT NOT NULL,"
       "  key_id TEXT NOT NULL,"
       "  principal TEXT NOT NULL,"
       "  task TEXT NOT NULL,"
       "  operation TEXT NOT NULL,"
       "  outcome TEXT NOT NULL,"
       "  model TEXT NOT NULL,"
       "  provider TEXT NOT NULL,"
       "  estimated BIGINT NOT NULL,"
       "  batch BIGINT NOT NULL,"
       "  explicit_cache BIGINT NOT NULL,"
       "  input_uncached BIGINT NOT NULL,"
       "  cache_read BIGINT NOT NULL,"
       "  cache_write_5m BIGINT NOT NULL,"
       "  cache_write_1h BIGINT NOT NULL,"
       "  output BIGINT NOT NULL,"
       "  reasoning BIGINT NOT NULL,"
       "  cost_micro BIGINT NOT NULL,"
       "  cost_rest BIGINT NOT NULL,"
       "  instance TEXT NOT NULL,"
       "  PRIMARY KEY (workspace, started, request_id, part));"
       "CREATE INDEX usage_calls_task ON usage_calls (workspace, task, started);"},
      {"usage-3", "ALTER TABLE usage_calls ADD COLUMN priced BIGINT NOT NULL DEFAULT 0;"},
      {"usage-4",
       "ALTER TABLE usage_calls ADD COLUMN video_ms BIGINT NOT NULL DEFAULT 0;"
       "ALTER TABLE usage_calls ADD COLUMN images BIGINT NOT NULL DEFAULT 0;"
       "ALTER TABLE usage_calls ADD COLUMN resolution TEXT NOT NULL DEFAULT '';"
       "ALTER TABLE usage_totals ADD COLUMN video_ms BIGINT NOT NULL DEFAULT 0;"
       "ALTER TABLE usage_totals ADD COLUMN images BIGINT NOT NULL DEFAULT 0;"}};
}

Result<std::int64_t> UsageTables::keep_in(store::Transaction& transaction,
                                          std::span<const Entry> entries) const {
  // Many calls share a row of the sums: it is written once for all of them.
  Sums sums;
  std::int64_t kept = 0;
  for (const Entry& entry : entries) {
    if (entry.charges.empty()) ++sums[group_of(entry, entry.started, "")].calls;
    for (std::size_t part = 0; part < entry.charges.size(); ++part) {
      const Charge& charge = entry.charges[part];
      ACLOUD_TRY(const bool is_new, insert_use(transaction, entry, part, instance_));
      if (!is_new) continue;
      ++kept;
      Sum& sum = sums[group_of(entry, charge.at, charge.model)];
      sum.calls += part == 0 ? 1 : 0;
      sum.estimated += charge.estimated ? 1 : 0;
      sum.tokens += charge.tokens;
      sum.media += charge.media.value_or(Media());
      sum.cost += charge.cost;
    }
  }
  for (const auto& [group, sum] : sums) ACLOUD_CHECK(add_to_totals(transaction, group, sum, instance_));
  return kept;
}

}  // namespace acloud::ledger
