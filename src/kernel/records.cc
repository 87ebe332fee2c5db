#include "kernel/records.h"

#include "kernel/visitor.h"

namespace acloud::kernel {
namespace {

ledger::Entry entry_of(const CallRecord& record, std::span<const ledger::Charge> charges) {
  return {.request_id = record.request_id,
          .started = record.started,
          .workspace = record.workspace,
          .key = record.key,
          .principal = record.principal,
          .operation = record.operation,
          .outcome = record.outcome,
          .charges = charges};
}

// Reads come in batches: a statement for many rows costs about half of as many statements.
constexpr std::size_t kAuditRowsPerStatement = 16;
constexpr std::size_t kAuditColumns = 11;

// The text for `rows` rows, made once.
const std::string& insert_audit_rows(std::size_t rows) {
  static const auto texts = [] {
    std::array<std::string, kAuditRowsPerStatement + 1> made;
    std::string values;
    for (std::size_t row = 1; row < made.size(); ++row) {
      for (std::size_t column = 1; column <= kAuditColumns; ++column) {
        const char* before = column > 1 ? ", $" : row > 1 ? "), ($" : "$";
        values += before + std::to_string((row - 1) * kAuditColumns + column);
      }
      made[row] =
          "INSERT INTO audit (request_id, started, took_us, workspace, principal, key_id, operation, effect, "
          "resource, outcome, instance) VALUES (" +
          values + ")";
    }
    return made;
  }();
  return texts.at(rows);
}

void append_audit_row(store::Params& params, const CallRecord& record, const std::string& instance) {
  params.emplace_back(record.request_id);
  params.emplace_back(store::to_value(record.started));
  params.emplace_back(record.took_us);
  params.emplace_back(record.workspace);
  params.emplace_back(record.principal);
  params.emplace_back(record.key);
  params.emplace_back(record.operation);
  params.emplace_back(record.effect);
  params.emplace_back(store::Bytes{record.resource});
  params.emplace_back(record.outcome);
  params.emplace_back(instance);
}

}  // namespace

std::vector<store::Migration> AuditTable::migrations() {
  return {{"audit-1",
           "CREATE TABLE audit ("
           "  request_id TEXT NOT NULL,"
           "  started BIGINT NOT NULL,"
           "  took_us BIGINT NOT NULL,"
           "  workspace TEXT NOT NULL,"
           "  principal TEXT NOT NULL,"
           "  key_id TEXT NOT NULL,"
           "  operation TEXT NOT NULL,"
           "  effect TEXT NOT NULL,"
           "  resource BYTEA NOT NULL,"
           "  outcome TEXT NOT NULL,"
           "  instance TEXT NOT NULL);"
           "CREATE INDEX audit_workspace ON audit (workspace, started);"}};
}

Result<> AuditTable::record_in(store::Transaction& transaction, std::span<const CallRecord> records) {
  while (!records.empty()) {
    const auto some = records.first(std::min(records.size(), kAuditRowsPerStatement));
    store::Params params;
    params.reserve(some.size() * kAuditColumns);
    for (const CallRecord& record : some) append_audit_row(params, record, instance_);
    ACLOUD_CHECK(transaction.execute(insert_audit_rows(some.size()), params));
    records = records.subspan(some.size());
  }
  return {};
}

Task<Result<>> CallLedger::reserve(const Caller&, const Operation&) { co_return Result<>(); }

Task<Result<>> CallLedger::hold(ledger::OpenCall& call, ledger::Estimate estimate) {
  return ledger_.hold(call, std::move(estimate));
}

void CallLedger::so_far(ledger::OpenCall& call, ledger::Usage usage) { ledger_.note(call, std::move(usage)); }

void CallLedger::used(ledger::OpenCall& call, ledger::Usage usage) { ledger_.used(call, std::move(usage)); }

Result<> CallLedger::settle_in(store::Transaction& transaction, std::span<const CallRecord> records) {
  std::vector<ledger::Entry> entries;
  entries.reserve(records.size());
  for (const CallRecord& record : records) entries.push_back(entry_of(record, {}));
  return ledger_.keep_in(transaction, entries);
}

Result<> CallLedger::settle_in(store::Transaction& transaction, const CallRecord& record,
                               ledger::OpenCall& call) {
  return ledger_.settle_in(transaction, entry_of(record, call.stored.charges), call);
}

void CallLedger::settled(ledger::OpenCall& call, store::Commit commit) {
  ledger_.settled(call, std::move(commit));
}

void CallLedger::unsettled(ledger::OpenCall& call) { ledger_.unsettled(call); }

CallRecord lost_record(const ledger::StoredCall& call) {
  return {.request_id = call.request_id,
          .started = call.charges.empty() ? Time() : call.charges.front().at,
          .workspace = call.workspace,
          .principal = call.principal,
          .key = call.key,
          .operation = call.operation,
          .effect = std::string(schema::Codec<Effect>::name(Effect::spend)),
          .outcome = "lost",
          .charges = call.charges};
}

Result<> GrantAuthorizer::authorize(const Caller& caller, const Operation& operation,
                                    std::string_view resource) {
  if (is_visitor(caller) && !operation.keyless) {
    return fail(ErrorCode::unauthenticated,
                "{} needs an API key: send one as Authorization: Bearer KEY; workspace.sign_up, which needs "
                "none, makes a workspace and a key",
                operation.full_name());
  }
  if (operation.keyless && !is_visitor(caller)) {
    return fail(ErrorCode::permission_denied,
                "{} is for those who have no key: call it without one, or go on with the key that you have",
                operation.full_name());
  }
  if (operation.operator_only && !caller.is_operator) {
    return fail(ErrorCode::permission_denied, "{} is for the cloud's operator: use the root key",
                operation.full_name());
  }
  return check_grants(caller, operation.full_name(), resource, clock_.now());
}

}  // namespace acloud::kernel
