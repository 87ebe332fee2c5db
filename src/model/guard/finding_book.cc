#include "model/guard/finding_book.h"

#include <prometheus/counter.h>
#include <prometheus/registry.h>

namespace acloud::model::guard {
namespace {

template <class E>
std::string name_of(E value) {
  return std::string(schema::Codec<E>::name(value));
}

template <class E>
E value_of(std::string_view text) {
  for (const auto& [value, name] : enum_names(E{})) {
    if (name == text) return value;
  }
  return E{};
}

// Rows sort by time. More of them go than can come: a call has fewer findings.
constexpr std::int64_t kForgottenAtOnce = 1000;

std::string first_id_of(Time time) { return fmt::format("{:020} ", time.time_since_epoch().count()); }

std::string id_of(Time now, const std::string& request_id, std::size_t number) {
  return fmt::format("{}{} {:03}", first_id_of(now), request_id, number);
}

FindingInfo read_finding(const store::Row& row) {
  return {.time = Time{std::chrono::microseconds(row.integer(1))},
          .request_id = row.text(2),
          .workspace = row.text(3),
          .principal = row.text(4),
          .key = row.text(5),
          .model = row.text(6),
          .guardrail = row.text(7),
          .detector = row.text(8),
          .side = value_of<Side>(row.text(9)),
          .action = value_of<Action>(row.text(10))};
}

}  // namespace

struct FindingBook::Counters {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& found =
      prometheus::BuildCounter()
          .Name("acloud_guardrail_findings_total")
          .Help("Calls in which a guardrail's rule found something.")
          .Register(registry);
};

FindingBook::FindingBook(std::chrono::seconds keep) : keep_(keep), counters_(std::make_unique<Counters>()) {}
FindingBook::~FindingBook() = default;

std::vector<store::Migration> FindingBook::migrations() {
  return {{"guardrail-1",
           "CREATE TABLE guardrail_findings ("
           "  id TEXT PRIMARY KEY,"
           "  at BIGINT NOT NULL,"
           "  request_id TEXT NOT NULL,"
           "  workspace TEXT NOT NULL,"
           "  principal TEXT NOT NULL,"
           "  key_id TEXT NOT NULL,"
           "  model TEXT NOT NULL,"
           "  guardrail TEXT NOT NULL,"
           "  detector TEXT NOT NULL,"
           "  side TEXT NOT NULL,"
           "  action TEXT NOT NULL);"}};
}

Task<Result<>> FindingBook::keep(kernel::Context& context, std::string model, Findings findings) {
  if (findings.empty()) co_return Result<>();
  for (const Finding& each : findings) {
    counters_->found
        .Add({{"guardrail", each.guardrail},
              {"detector", each.detector},
              {"side", name_of(each.side)},
              {"action", name_of(each.action)}})
        .Increment();
  }
  co_return co_await context.write([caller = context.caller, request_id = context.request_id(),
                                    now = context.clock.now(), keep = keep_, model = std::move(model),
                                    findings = std::move(findings)](store::Transaction& tx) -> Result<> {
    std::size_t number = 0;
    for (const Finding& each : findings) {
      ACLOUD_CHECK(tx.execute(
          "INSERT INTO guardrail_findings (id, at, request_id, workspace, principal, key_id, model, "
          "guardrail, detector, side, action) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
          "ON CONFLICT (id) DO NOTHING",
          {id_of(now, request_id, number++), store::to_value(now), request_id, caller.workspace,
           caller.principal, caller.key, model, each.guardrail, each.detector, name_of(each.side),
           name_of(each.action)}));
    }
    if (keep.count() == 0) return {};
    ACLOUD_CHECK(
        tx.execute("DELETE FROM guardrail_findings WHERE id IN "
                   "(SELECT id FROM guardrail_findings WHERE id < $1 ORDER BY id LIMIT $2)",
                   {first_id_of(now - keep), kForgottenAtOnce}));
    return {};
  });
}

Task<Result<FindingList>> FindingBook::list(kernel::Context& context, ListFindings request) {
  ACLOUD_CO_TRY(std::string before, kernel::from_cursor(request.cursor));
  if (before.empty()) before = "~";  // after every digit
  co_return co_await context.read(
      [before = std::move(before), limit = request.limit](store::Reader& reader) -> Result<FindingList> {
        ACLOUD_TRY(const store::Rows rows,
                   reader.query("SELECT id, at, request_id, workspace, principal, key_id, model, guardrail, "
                                "detector, side, action FROM guardrail_findings WHERE id < $1 "
                                "ORDER BY id DESC LIMIT $2",
                                {before, limit + 1}));
        FindingList list;
        for (const store::Row& row : rows) {
          if (std::ssize(list.items) == limit) break;
          list.items.push_back(read_finding(row));
        }
        if (std::ssize(rows) > limit)
          list.next_cursor = kernel::to_cursor(rows[static_cast<std::size_t>(limit) - 1].text(0));
        return list;
      });
}

std::vector<prometheus::MetricFamily> FindingBook::collect() const { return counters_->registry.Collect(); }

}  // namespace acloud::model::guard
