#include "kernel/call_path.h"

#include "base/encoding.h"
#include "base/log.h"
#include "kernel/idempotency.h"
#include "kernel/spool.h"
#include "kernel/visitor.h"

namespace acloud::kernel {
namespace {

constexpr std::size_t kVisitorsKeyBytes = 16;

// Hashes a raw body as it passes, so that an idempotency key stands for its bytes too.
class HashedBody final : public net::Stream {
 public:
  HashedBody(net::Body source, std::shared_ptr<Sha256> hash)
      : source_(std::move(source)), hash_(std::move(hash)) {}
  Task<Result<std::string>> read() override {
    auto piece = co_await source_.read();
    if (piece) hash_->update(*piece);
    co_return piece;
  }

 private:
  net::Body source_;
  std::shared_ptr<Sha256> hash_;  // shared with the call, which outlives the handler that owns the body
};

void describe(telemetry::Span& span, const CallRecord& record) {
  if (!span.recording()) return;
  span.set("acloud.operation", record.operation);
  span.set("acloud.request_id", record.request_id);
  span.set("acloud.workspace", record.workspace);
  span.set("acloud.principal", record.principal);
  if (!record.resource.empty()) span.set("acloud.resource", record.resource);
  if (record.outcome != "ok") span.fail(record.outcome);
}

}  // namespace

// What one call needs from its beginning to its end; also what goes into the deciding transaction.
struct CallPath::Running final : public Settlement, public Account {
  Running(CallPath& owner, const Caller& made_by, Call& made, const Operation& declared)
      : path(owner), caller(made_by), call(made), operation(declared) {}

  Result<> settle_in(store::Transaction& transaction, const std::string& reply_json) override {
    record.outcome = "ok";
    ACLOUD_CHECK(write_records(transaction));
    if (call.idempotency_key.empty()) return {};
    return path.parts_.idempotency.complete_in(transaction, caller.workspace, call.idempotency_key,
                                               reply_json, body_digest());
  }

  Task<Result<>> hold(ledger::Estimate estimate) override {
    return path.parts_.ledger.hold(open(), std::move(estimate));
  }
  void so_far(ledger::Usage usage) override { path.parts_.ledger.so_far(open(), std::move(usage)); }
  void used(ledger::Usage usage) override { path.parts_.ledger.used(open(), std::move(usage)); }
  ledger::Standing standing() const override { return opened ? opened->standing : ledger::Standing(); }

  // What the ledger has of this call: only calls that use a model have any.
  ledger::OpenCall& open() {
    if (opened) return *opened;
    opened.emplace();
    opened->stored = {.request_id = record.request_id,
                      .workspace = record.workspace,
                      .key = record.key,
                      .principal = record.principal,
                      .operation = record.operation,
                      .charges = {}};
    return *opened;
  }

  // Puts a hash between the body and its reader.
  void watch_body() {
    if (call.body == nullptr) return;
    const auto length = call.body->length();
    hash = std::make_shared<Sha256>();
    *call.body = net::Body(std::make_unique<HashedBody>(std::move(*call.body), hash), length);
  }

  // The SHA-256 of what was read of the raw body; the same each time. "" where there is none.
  const std::string& body_digest() {
    if (hash) digest = std::exchange(hash, nullptr)->finish();
    return digest;
  }

  // Gives an earlier call's reply again, once the raw body has proved to be the same.
  Task<Result<Reply>> replay(Idempotency::Claim claim) {
    while (call.body != nullptr) {
      ACLOUD_CO_TRY(const std::string piece, co_await call.body->read());
      if (piece.empty()) break;
    }
    if (body_digest() != claim.earlier_body) co_return std::unexpected(Idempotency::used_otherwise());
    co_return Reply{.json = *std::move(claim.earlier_reply), .replayed = true};
  }

  Result<> write_records(store::Transaction& transaction) {
    stamp();
    const std::span<const CallRecord> one(&record, 1);
    if (opened) {
      ACLOUD_CHECK(path.parts_.ledger.settle_in(transaction, record, *opened));
    } else {
      ACLOUD_CHECK(path.parts_.ledger.settle_in(transaction, one));
    }
    return path.parts_.audit.record_in(transaction, one);
  }

  void stamp() {
    record.took_us =
        std::chrono::duration_cast<std::chrono::microseconds>(path.parts_.clock.instant() - began).count();
  }

  CallPath& path;
  const Caller& caller;
  Call& call;
  const Operation& operation;
  std::unique_ptr<Prepared> prepared;
  CallRecord record;
  std::optional<ledger::OpenCall> opened;
  Instant began{};
  bool committed = false;
  std::shared_ptr<Sha256> hash;  // shared with the body that is being read
  std::string digest;
};

Task<Result<>> Gate::wait() {
  for (const store::Commit& commit : commits_) ACLOUD_CO_CHECK(co_await commit.wait());
  co_return {};
}

void Context::reply_with_bytes(net::Body bytes, net::Headers headers) {
  bytes_ = std::move(bytes);
  headers_ = std::move(headers);
}

Task<Result<Caller>> CallPath::identify_or_visit(std::string key, std::string_view peer) {
  if (key.empty()) co_return parts_.identities.visit(peer);
  co_return co_await parts_.identities.identify(key);
}

Task<Result<Caller>> CallPath::identify_for(const std::string& operation, std::string key,
                                            std::string_view peer) {
  if (key.empty()) {
    const auto declared = parts_.catalog.find(operation);
    if (declared && (*declared)->keyless) co_return parts_.identities.visit(peer);
    if (!declared && declared.error().code() == ErrorCode::permission_denied)
      co_return std::unexpected(declared.error());
  }
  co_return co_await parts_.identities.identify(key);
}

// The call's own span, which what happens inside of it is below.
telemetry::Span CallPath::begin_span(Call& call) const {
  const bool from_outside = call.trace.tracer == nullptr;
  if (from_outside) call.trace.tracer = parts_.tracer;
  telemetry::Span span = call.trace.begin(
      call.operation, from_outside ? telemetry::SpanKind::server : telemetry::SpanKind::internal);
  call.trace = span.inside();
  return span;
}

Task<Result<Reply>> CallPath::execute(const Caller& caller, Call& call, Gate& gate) {
  ACLOUD_CO_TRY(const std::shared_ptr<const Operation> operation, parts_.catalog.find(call.operation));
  telemetry::Span span = begin_span(call);
  Running running(*this, caller, call, *operation);
  running.began = parts_.clock.instant();
  running.record = {.request_id = call.request_id,
                    .started = parts_.clock.now(),
                    .workspace = caller.workspace,
                    .principal = caller.principal,
                    .key = caller.key,
                    .operation = call.operation,
                    .effect = std::string(schema::Codec<Effect>::name(operation->effect))};
  Result<Reply> reply = co_await run(running, gate);
  running.record.outcome = reply ? "ok" : traits(reply.error().code()).name;
  running.stamp();
  // A reply whose record could not be kept must not leave.
  const Result<> settled = co_await settle(running, gate, reply).shielded();
  if (running.opened) {
    if (settled) {
      parts_.ledger.settled(*running.opened, gate.last());
    } else {
      parts_.ledger.unsettled(*running.opened);
    }
    running.record.charges = std::move(running.opened->stored.charges);
  }
  if (!settled && reply) co_return std::unexpected(settled.error());
  parts_.observer.finished(running.record);
  describe(span, running.record);
  co_return reply;
}

Task<Result<Reply>> CallPath::run(Running& running, Gate& gate) {
  const Operation& operation = running.operation;
  Call& call = running.call;
  ACLOUD_CO_TRY(running.prepared, operation.prepare(call.arguments));
  running.record.resource = running.prepared->resource();
  ACLOUD_CO_CHECK(parts_.authorizer.authorize(running.caller, operation, running.record.resource));
  if (call.dry_run && operation.has_effects()) {
    const OrderedJson shown = {{"dry_run", true},
                               {"operation", call.operation},
                               {"effect", running.record.effect},
                               {"resource", running.record.resource},
                               {"request", call.arguments}};
    co_return Reply{.json = shown.dump()};
  }
  ACLOUD_CO_CHECK(co_await parts_.ledger.reserve(running.caller, operation));
  const bool idempotent = operation.has_effects() && !call.idempotency_key.empty();
  // Visitors from one address share a store of replies, and these may hold keys: no guess may meet another's.
  if (idempotent && is_visitor(running.caller) && call.idempotency_key.size() < kVisitorsKeyBytes) {
    co_return fail(ErrorCode::invalid_argument,
                   "idempotency key: without an API key it must have {} bytes or more; use a random UUID",
                   kVisitorsKeyBytes);
  }
  if (idempotent) {
    const std::string fingerprint = sha256(call.operation + '\n' + to_text(call.arguments));
    call.once =
        to_hex(sha256(running.caller.workspace + '\n' + call.idempotency_key + '\n' + to_hex(fingerprint)));
    ACLOUD_CO_TRY(auto claim, co_await parts_.idempotency.claim(running.caller.workspace,
                                                                call.idempotency_key, fingerprint));
    running.watch_body();
    if (claim.earlier_reply) co_return co_await running.replay(std::move(claim));
  }

  Context context(running.caller, call, gate, parts_.database, parts_.clock, parts_.random,
                  operation.has_effects() ? &running : nullptr, running);
  Result<std::string> json =
      co_await async::with_deadline(call.deadline, call.operation, work(running, context));
  running.committed = context.committed();
  if (!json) {
    if (idempotent) {
      if (const auto freed =
              co_await parts_.idempotency.release(running.caller.workspace, call.idempotency_key).shielded();
          !freed) {
        log::error("an idempotency key was not freed",
                   {{"request_id", call.request_id}, {"error", freed.error().message()}});
      }
    }
    co_return std::unexpected(std::move(json).error());
  }
  co_return Reply{
      .json = *std::move(json), .bytes = std::move(context.bytes()), .headers = std::move(context.headers())};
}

// An exception that leaves a handler is a bug: the caller learns that it is ours, the log learns which.
Task<Result<std::string>> CallPath::work(Running& running, Context& context) {
  std::string what;
  try {
    co_return co_await running.prepared->run(context);
  } catch (const std::exception& bug) {
    what = bug.what();
  }
  log::error(
      "a handler threw",
      {{"request_id", running.call.request_id}, {"operation", running.call.operation}, {"error", what}});
  co_return fail(ErrorCode::internal, "{} failed through a fault of acloud; see its log for request {}",
                 running.call.operation, running.call.request_id);
}

Task<Result<>> CallPath::settle(Running& running, Gate& gate, const Result<Reply>& reply) {
  if (running.committed || (reply && reply->replayed)) co_return {};
  const bool durable =
      running.opened || (running.operation.has_effects() &&
                         !(running.operation.ephemeral && running.call.idempotency_key.empty()));
  if (!durable || running.call.dry_run) co_return parts_.spool.append(running.record);
  const std::string reply_json = reply ? reply->json : std::string();
  auto written = co_await parts_.database.write(
      [&running, &reply_json, ok = reply.has_value()](store::Transaction& transaction) -> Result<> {
        return ok ? running.settle_in(transaction, reply_json) : running.write_records(transaction);
      });
  if (!written) co_return std::unexpected(std::move(written).error());
  gate.add(std::move(written->commit));
  co_return {};
}

}  // namespace acloud::kernel
