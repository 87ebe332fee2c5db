#include "task/approval/approval_service.h"

#include <charconv>

#include "task/tables.h"

namespace acloud::task::approval {
namespace {

using kernel::Context;
using store::Rows;

constexpr std::string_view kPrefix = "apr_";
constexpr std::string_view kTaskPrefix = "task_";

std::unexpected<Error> no_approval(const std::string& id) {
  return fail(ErrorCode::not_found, "no approval {} is asked for; approval.list shows those that are", id);
}

// The number after the last '_' of `text`, which it is cut off from.
std::optional<std::int64_t> take_number(std::string_view& text) {
  const std::size_t at = text.rfind('_');
  if (at == text.npos || at + 1 == text.size()) return std::nullopt;
  std::int64_t number = -1;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data() + at + 1, end, number);
  if (error != std::errc() || stopped != end || number < 0) return std::nullopt;
  text = text.substr(0, at);
  return number;
}

Approval to_approval(const store::Row& row) {
  const ApprovalId id{.task = row.text(0), .attempt = row.integer(1), .step = row.integer(2)};
  const Json input = parse_json(row.bytes(4)).value_or(Json::object());
  Approval approval{.id = id.text(),
                    .task = id.task,
                    .goal = row.text(6),
                    .operation = row.text(3),
                    .arguments = input.value("arguments", Json::object()),
                    .asked = row.time(5),
                    .expires = {}};
  approval.expires = approval.asked + std::chrono::seconds(input.value("timeout_s", std::int64_t{0}));
  return approval;
}

// What is open: begun, without an outcome, of a task that has not ended, and not decided.
constexpr std::string_view kOpen =
    "SELECT s.task, s.attempt, s.number, s.name, s.input, s.began, t.goal FROM tasks t JOIN task_steps s "
    "ON s.task = t.id AND s.attempt = t.attempt WHERE t.workspace = $1 AND t.due IS NOT NULL "
    "AND s.kind = 'approval' AND s.ended IS NULL AND NOT EXISTS (SELECT 1 FROM task_signals g "
    "WHERE g.task = s.task AND g.name = 'approval/' || s.number)";

}  // namespace

std::string ApprovalId::text() const {
  std::string_view name = task;
  if (name.starts_with(kTaskPrefix)) name.remove_prefix(kTaskPrefix.size());
  return fmt::format("{}{}_{}_{}", kPrefix, name, attempt, step);
}

std::optional<ApprovalId> ApprovalId::parse(std::string_view text) {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  const auto step = take_number(text);
  const auto attempt = step ? take_number(text) : std::nullopt;
  if (!attempt || text.empty()) return std::nullopt;
  return ApprovalId{.task = std::string(kTaskPrefix).append(text), .attempt = *attempt, .step = *step};
}

Task<Result<ApprovalList>> ApprovalService::list(Context& context, ListApprovals request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  const auto from = ApprovalId::parse(after).value_or(ApprovalId{});
  co_return co_await context.read(
      [workspace = context.workspace(), request, from](store::Reader& reader) -> Result<ApprovalList> {
        std::string sql(kOpen);
        store::Params params{workspace, request.limit + 1, from.task, from.step};
        sql += " AND (s.task > $3 OR (s.task = $3 AND s.number > $4))";
        if (request.task) {
          sql += " AND s.task = $5";
          params.emplace_back(*request.task);
        }
        ACLOUD_TRY(const Rows rows, reader.query(sql + " ORDER BY s.task, s.number LIMIT $2", params));
        ApprovalList list;
        for (const store::Row& row : rows) {
          if (std::ssize(list.items) == request.limit) {
            list.next_cursor = kernel::to_cursor(list.items.back().id);
            break;
          }
          list.items.push_back(to_approval(row));
        }
        return list;
      });
}

Task<Result<Decided>> ApprovalService::decide(Context& context, Decide request) {
  if (context.caller.principal.starts_with(kTaskPrefix)) {
    co_return fail(ErrorCode::permission_denied,
                   "{} is a task: an approval is for the people and agents that answer for tasks, not for "
                   "tasks themselves",
                   context.caller.principal);
  }
  const auto id = ApprovalId::parse(request.id);
  if (!id) co_return no_approval(request.id);
  const Json value = {
      {"approve", request.approve}, {"reason", request.reason}, {"by", context.caller.principal}};
  auto decided =
      co_await context.commit([workspace = context.workspace(), request, id = *id, value,
                               now = context.clock.now()](store::Transaction& tx) -> Result<Decided> {
        ACLOUD_TRY(
            const Rows rows,
            tx.query("SELECT s.ended FROM tasks t JOIN task_steps s ON s.task = t.id AND "
                     "s.attempt = t.attempt WHERE t.workspace = $1 AND t.id = $2 AND s.attempt = $3 AND "
                     "s.number = $4 AND s.kind = 'approval'",
                     {workspace, id.task, id.attempt, id.step}));
        if (rows.empty()) return no_approval(request.id);
        const std::string signal = std::string(kApprovalSignal) + std::to_string(id.step);
        ACLOUD_TRY(const Rows sent,
                   tx.query("SELECT 1 FROM task_signals WHERE task = $1 AND name = $2", {id.task, signal}));
        if (!rows.front().is_null(0) || !sent.empty())
          return fail(ErrorCode::conflict, "{} is decided already; task.events tells how", request.id);
        ACLOUD_CHECK(tables::add_signal(tx, workspace, {.id = id.task, .name = signal, .value = value}, now));
        return Decided{.id = request.id, .task = id.task, .approve = request.approve};
      });
  if (decided) wake_();
  co_return decided;
}

}  // namespace acloud::task::approval
