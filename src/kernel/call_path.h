// The one call path: everything that happens in the cloud goes through execute().
//
//   identify -> resolve -> authorize -> reserve -> run -> settle -> audit
//
// A surface only translates: its dialect in, a Call out; a Reply in, its dialect out. What may differ between
// clouds stands behind four interfaces, which main wires: Identities, Authorizer, Ledger and Audit.
#pragma once

#include <memory>
#include <string>

#include "kernel/catalog.h"
#include "kernel/record.h"
#include "ledger/ledger.h"

namespace acloud::kernel {

// Who holds a key.
class Identities {
 public:
  virtual ~Identities() = default;
  // `key` as it was presented: "acloud_..." or "e2b_...". Errors: unauthenticated.
  virtual Task<Result<Caller>> identify(const std::string& key) = 0;
  // Somebody without a key, at `peer` ("ip:port"; the sandbox for one that calls from inside).
  // Errors: unauthenticated where nobody may come without; rate_limited.
  virtual Result<Caller> visit(std::string_view peer) = 0;
};

// May this caller do this? Default deny is the implementation's business.
class Authorizer {
 public:
  virtual ~Authorizer() = default;
  // Errors: permission_denied, unauthenticated.
  virtual Result<> authorize(const Caller& caller, const Operation& operation, std::string_view resource) = 0;
};

// Money and quota: set aside before a call, settled with it. src/ledger has what these mean for a call that
// uses a model.
class Ledger {
 public:
  virtual ~Ledger() = default;
  // Errors: budget_exceeded, rate_limited.
  virtual Task<Result<>> reserve(const Caller& caller, const Operation& operation) = 0;
  // Errors: budget_exceeded, rate_limited.
  virtual Task<Result<>> hold(ledger::OpenCall& call, ledger::Estimate estimate) = 0;
  virtual void so_far(ledger::OpenCall& call, ledger::Usage usage) = 0;
  virtual void used(ledger::OpenCall& call, ledger::Usage usage) = 0;
  // Keeps calls that used no model.
  virtual Result<> settle_in(store::Transaction& transaction, std::span<const CallRecord> records) = 0;
  virtual Result<> settle_in(store::Transaction& transaction, const CallRecord& record,
                             ledger::OpenCall& call) = 0;
  // After settle_in(): with the commit of its transaction, or where that failed.
  virtual void settled(ledger::OpenCall& call, store::Commit commit) = 0;
  virtual void unsettled(ledger::OpenCall& call) = 0;
};

class Audit {
 public:
  virtual ~Audit() = default;
  virtual Result<> record_in(store::Transaction& transaction, std::span<const CallRecord> records) = 0;
};

// Counts and times of calls, for /metrics.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void finished(const CallRecord& record) = 0;
};

class Idempotency;
class Spool;

class CallPath {
 public:
  struct Parts {
    const Catalog& catalog;
    Identities& identities;
    Authorizer& authorizer;
    Ledger& ledger;
    Audit& audit;
    Idempotency& idempotency;
    Spool& spool;  // takes the records of reads, and of what need not survive the machine
    CallObserver& observer;
    store::Database& database;
    Clock& clock;
    Random& random;
    telemetry::Tracer* tracer = nullptr;  // of the calls' spans; null: they are not traced
  };
  explicit CallPath(Parts parts) : parts_(parts) {}

  const Catalog& catalog() const { return parts_.catalog; }
  telemetry::Tracer* tracer() const { return parts_.tracer; }
  Task<Result<Caller>> identify(const std::string& key) { return parts_.identities.identify(key); }
  // Somebody who may have no key, and then may call nothing but operations that need none.
  Task<Result<Caller>> identify_or_visit(std::string key, std::string_view peer);
  // Who calls `operation`: one that needs no key is called without.
  // Errors: as identify(); permission_denied where the operation was left out of the catalog.
  Task<Result<Caller>> identify_for(const std::string& operation, std::string key, std::string_view peer);

  // Runs `call` for `caller`. Await `gate` before the reply's last byte leaves.
  // Errors: whatever the steps and the operation give; deadline_exceeded at the call's deadline.
  Task<Result<Reply>> execute(const Caller& caller, Call& call, Gate& gate);

 private:
  struct Running;
  telemetry::Span begin_span(Call& call) const;
  Task<Result<Reply>> run(Running& running, Gate& gate);
  Task<Result<std::string>> work(Running& running, Context& context);
  Task<Result<>> settle(Running& running, Gate& gate, const Result<Reply>& reply);

  Parts parts_;
};

}  // namespace acloud::kernel
