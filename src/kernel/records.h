// Usage and audit as tables: what the cloud remembers of every call.
//
// `audit` has a row for each call, append-only. What calls used is in the tables of src/ledger.
#pragma once

#include "kernel/call_path.h"

namespace acloud::kernel {

class AuditTable final : public Audit {
 public:
  explicit AuditTable(std::string instance) : instance_(std::move(instance)) {}
  static std::vector<store::Migration> migrations();
  Result<> record_in(store::Transaction& transaction, std::span<const CallRecord> records) override;

 private:
  std::string instance_;
};

// Calls, as src/ledger knows them.
class CallLedger final : public Ledger {
 public:
  explicit CallLedger(ledger::Ledger& ledger) : ledger_(ledger) {}
  // An operation costs nothing by itself: always granted.
  Task<Result<>> reserve(const Caller& caller, const Operation& operation) override;
  Task<Result<>> hold(ledger::OpenCall& call, ledger::Estimate estimate) override;
  void so_far(ledger::OpenCall& call, ledger::Usage usage) override;
  void used(ledger::OpenCall& call, ledger::Usage usage) override;
  Result<> settle_in(store::Transaction& transaction, std::span<const CallRecord> records) override;
  Result<> settle_in(store::Transaction& transaction, const CallRecord& record,
                     ledger::OpenCall& call) override;
  void settled(ledger::OpenCall& call, store::Commit commit) override;
  void unsettled(ledger::OpenCall& call) override;

 private:
  ledger::Ledger& ledger_;
};

// The audit record of a call whose server was killed before it could write it: outcome "lost".
CallRecord lost_record(const ledger::StoredCall& call);

// Workspaces are kept apart and grants are kept to; operations for operators are theirs alone.
class GrantAuthorizer final : public Authorizer {
 public:
  explicit GrantAuthorizer(Clock& clock) : clock_(clock) {}
  Result<> authorize(const Caller& caller, const Operation& operation, std::string_view resource) override;

 private:
  Clock& clock_;
};

}  // namespace acloud::kernel
