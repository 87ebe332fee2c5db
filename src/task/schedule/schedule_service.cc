#include "task/schedule/schedule_service.h"

#include "base/log.h"

namespace acloud::task::schedule {
namespace {

using kernel::Context;
using store::Rows;

constexpr std::int64_t kAtOnce = 100;      // schedules in one look
constexpr std::chrono::seconds kLate{60};  // beyond this a time was missed
constexpr std::chrono::hours kMadeUpMost{
    20};  // older ones are not made up for; within the time that idempotency keys are kept

struct Times {
  Cron cron;
  Zone zone;
};

Result<Times> times_of(const std::string& cron, const std::string& zone) {
  ACLOUD_TRY(Cron parsed, parse_cron(cron));
  ACLOUD_TRY(Zone found, Zone::find(zone));
  return Times{parsed, std::move(found)};
}

std::optional<Time> next_of(const Times& times, Time after) {
  return next_after(times.cron, times.zone, after);
}

}  // namespace

bool is_schedule_name(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= 63 && plain(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

Task<Result<Schedule>> ScheduleService::create(Context& context, CreateSchedule request) {
  ACLOUD_CO_TRY(const Times times, times_of(request.cron, request.time_zone));
  const Time now = context.clock.now();
  const auto next = next_of(times, now);
  if (!next) co_return fail(ErrorCode::invalid_argument, "cron: \"{}\" never comes", request.cron);
  if (request.task.is_null())
    co_return fail(ErrorCode::invalid_argument, "task: is missing: the fields of task.run");
  // Fields and permission are checked now, not at night.
  auto checked = co_await behalf_.call(context.caller, "task.run", request.task, true, "");
  if (!checked) co_return std::unexpected(std::move(checked).error().within("task"));
  Stored made;
  made.id = context.random.hex(16);
  made.owner = context.caller;
  made.shown = {.name = request.name,
                .cron = request.cron,
                .time_zone = request.time_zone,
                .task = request.task,
                .catch_up = request.catch_up,
                .overlap = request.overlap,
                .next = next,
                .created = now};
  co_return co_await context.commit([made](store::Transaction& tx) -> Result<Schedule> {
    ACLOUD_TRY(const Rows count,
               tx.query("SELECT COUNT(*) FROM schedules WHERE workspace = $1", {made.owner.workspace}));
    if (count.front().integer(0) >= kSchedulesMost) {
      return fail(ErrorCode::too_large, "the workspace has {} schedules, the most there can be; delete some",
                  kSchedulesMost);
    }
    ACLOUD_CHECK(rows::add(tx, made));
    return made.shown;
  });
}

Task<Result<Schedule>> ScheduleService::get(Context& context, ScheduleName request) {
  co_return co_await context.read_here(
      [name = request.name, workspace = context.workspace()](store::Reader& reader) -> Result<Schedule> {
        ACLOUD_TRY(Stored found, rows::find(reader, workspace, name));
        return std::move(found.shown);
      });
}

Task<Result<ScheduleList>> ScheduleService::list(Context& context, ListSchedules request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  co_return co_await context.read([after, limit = request.limit, workspace = context.workspace()](
                                      store::Reader& reader) -> Result<ScheduleList> {
    ACLOUD_TRY(auto found, rows::list(reader, workspace, after, limit + 1));
    ScheduleList list;
    for (Stored& stored : found) {
      if (std::ssize(list.items) == limit) {
        list.next_cursor = kernel::to_cursor(list.items.back().name);
        break;
      }
      list.items.push_back(std::move(stored.shown));
    }
    return list;
  });
}

Task<Result<Schedule>> ScheduleService::pause(Context& context, ScheduleName request) {
  return set_paused(context, std::move(request.name), true);
}

Task<Result<Schedule>> ScheduleService::resume(Context& context, ScheduleName request) {
  return set_paused(context, std::move(request.name), false);
}

// What passes while it is paused is not missed: resumed, it goes on with the next time from now.
Task<Result<Schedule>> ScheduleService::set_paused(Context& context, std::string name, bool paused) {
  co_return co_await context.commit([name, paused, workspace = context.workspace(),
                                     now = context.clock.now()](store::Transaction& tx) -> Result<Schedule> {
    ACLOUD_TRY(Stored found, rows::find(tx, workspace, name));
    if (found.shown.paused == paused) return std::move(found.shown);
    found.shown.paused = paused;
    found.shown.next = std::nullopt;
    if (!paused) {
      ACLOUD_TRY(const Times times, times_of(found.shown.cron, found.shown.time_zone));
      found.shown.next = next_of(times, now);
    }
    ACLOUD_CHECK(rows::set_paused(tx, found, paused, found.shown.next));
    return std::move(found.shown);
  });
}

Task<Result<ScheduleName>> ScheduleService::remove(Context& context, ScheduleName request) {
  co_return co_await context.commit(
      [request, workspace = context.workspace()](store::Transaction& tx) -> Result<ScheduleName> {
        ACLOUD_CHECK(rows::remove(tx, workspace, request.name));
        return request;
      });
}

Task<Result<std::size_t>> ScheduleService::run_due() {
  ACLOUD_CO_TRY(auto due, co_await database_.read([now = clock_.now()](store::Reader& reader) {
    return rows::due(reader, now, kAtOnce);
  }));
  for (Stored& stored : due) {
    const std::string name = stored.owner.workspace + "/" + stored.shown.name;
    const auto ran = co_await run_one(std::move(stored));
    // One that is in trouble does not hold up the others; it is tried again.
    if (!ran && ran.error().code() == ErrorCode::cancelled) co_return std::unexpected(ran.error());
    if (!ran)
      log::error("a schedule did not move on", {{"schedule", name}, {"error", ran.error().message()}});
  }
  co_return due.size();
}

Task<Result<>> ScheduleService::run_one(Stored stored) {
  const Time now = clock_.now();
  const Time at = *stored.shown.next;
  auto times = times_of(stored.shown.cron, stored.shown.time_zone);
  rows::Turn turn;
  if (!times) {  // a zone that the machine no longer has
    turn.outcome = times.error().message();
    ACLOUD_CO_CHECK(co_await database_.write_durably(
        [stored, turn](store::Transaction& tx) { return rows::advance(tx, stored, turn); }));
    co_return Result<>();
  }
  const bool late = now - at > kLate;
  const bool each = stored.shown.catch_up == CatchUp::all;
  if (late && (stored.shown.catch_up == CatchUp::none || (each && now - at > kMadeUpMost))) {
    turn.outcome = "missed";
  } else {
    auto tried = co_await attempt(stored, late);
    if (!tried) co_return Result<>();
    turn = *std::move(tried);
  }
  turn.next = next_of(*times, each ? std::max(at, now - kMadeUpMost) : std::max(at, now));
  co_return co_await database_.write_durably(
      [stored, turn](store::Transaction& tx) { return rows::advance(tx, stored, turn); });
}

Task<Result<bool>> ScheduleService::goes_on(const Stored& stored) {
  if (!stored.shown.last_task) co_return false;
  auto reply = co_await behalf_.call(stored.owner, "task.get", {{"id", *stored.shown.last_task}}, false, "");
  if (!reply && reply.error().code() == ErrorCode::not_found) co_return false;
  if (!reply) co_return std::unexpected(std::move(reply).error());
  ACLOUD_CO_TRY(const Json task, parse_json(*reply));
  const std::string state = task.value("state", "");
  co_return state == "queued" || state == "running" || state == "waiting";
}

Task<std::optional<rows::Turn>> ScheduleService::attempt(const Stored& stored, bool late) {
  rows::Turn turn;
  turn.outcome = co_await behalf_.refusal(stored.owner);
  if (!turn.outcome.empty()) co_return turn;
  if (stored.shown.overlap != Overlap::allow) {
    const auto on = co_await goes_on(stored);
    if (!on || (*on && stored.shown.overlap == Overlap::skip)) {
      turn.outcome = on ? "skipped" : on.error().message();
      co_return turn;
    }
    if (*on) {
      const auto stopped =
          co_await behalf_.call(stored.owner, "task.cancel", {{"id", *stored.shown.last_task}}, false, "");
      if (!stopped) {
        turn.outcome = stopped.error().message();
        co_return turn;
      }
    }
  }
  auto started = co_await behalf_.call(
      stored.owner, "task.run", stored.shown.task, false,
      fmt::format("schedule/{}/{}", stored.id, stored.shown.next->time_since_epoch().count()));
  // Another server has the key just now: it will move the row on, or its lease ends.
  if (!started && started.error().code() == ErrorCode::conflict) co_return std::nullopt;
  if (!started && started.error().code() == ErrorCode::unavailable && !late) co_return std::nullopt;
  const auto task = started ? parse_json(*started) : std::unexpected(std::move(started).error());
  if (!task) {
    turn.outcome = task.error().message();
    co_return turn;
  }
  turn.task = task->value("id", "");
  turn.outcome = late ? "started late" : "started";
  co_return turn;
}

}  // namespace acloud::task::schedule
