// The requests and replies of product `schedule`.
#pragma once

#include "base/schema.h"
#include "kernel/page.h"

namespace acloud::task::schedule {

bool is_schedule_name(std::string_view text);
inline constexpr std::string_view kScheduleNameRule =
    "1 to 63 of letters, digits, '_', '.', '-', beginning with a letter or digit";

// What becomes of times that passed while no server ran, or none could.
enum class CatchUp { none, one, all };
constexpr auto enum_names(CatchUp) {
  using enum CatchUp;
  return std::array<std::pair<CatchUp, std::string_view>, 3>{{{none, "none"}, {one, "one"}, {all, "all"}}};
}

// What becomes of a time at which the task before still goes on.
enum class Overlap { skip, allow, replace };
constexpr auto enum_names(Overlap) {
  using enum Overlap;
  return std::array<std::pair<Overlap, std::string_view>, 3>{
      {{skip, "skip"}, {allow, "allow"}, {replace, "replace"}}};
}

struct CreateSchedule {
  std::string name;
  std::string cron;
  std::string time_zone = "UTC";
  Json task;
  CatchUp catch_up = CatchUp::one;
  Overlap overlap = Overlap::skip;
  static constexpr auto schema =
      fields(field("name", &CreateSchedule::name, "Name of the new schedule.", required,
                   form(is_schedule_name, kScheduleNameRule)),
             field("cron", &CreateSchedule::cron,
                   "When: minute, hour, day of the month, month, day of the week, as \"30 6 * * mon-fri\"; "
                   "or @hourly, "
                   "@daily, @weekly, @monthly, @yearly.",
                   required, length(1, 256)),
             field("time_zone", &CreateSchedule::time_zone, "Whose clock that is, as \"Europe/Oslo\".",
                   length(1, 64)),
             field("task", &CreateSchedule::task, "What is run then: the fields of task.run."),
             field("catch_up", &CreateSchedule::catch_up,
                   "What becomes of times that were missed: none is made up for, one run for all, or each of "
                   "the last 20 hours."),
             field("overlap", &CreateSchedule::overlap,
                   "Where the last run still goes on: skip this one, allow both, or replace the last."));
};

struct ScheduleName {
  std::string name;
  static constexpr auto schema = fields(
      field("name", &ScheduleName::name, "Which.", required, form(is_schedule_name, kScheduleNameRule)));
};

struct Schedule {
  std::string name;
  std::string cron;
  std::string time_zone;
  Json task;
  CatchUp catch_up = CatchUp::one;
  Overlap overlap = Overlap::skip;
  bool paused = false;
  std::optional<Time> next;
  std::optional<Time> last;
  std::optional<std::string> last_task;
  std::optional<std::string> last_outcome;
  std::int64_t runs = 0;
  Time created{};
  static constexpr auto schema =
      fields(field("name", &Schedule::name, "Its name, unique in the workspace."),
             field("cron", &Schedule::cron, "When it runs."),
             field("time_zone", &Schedule::time_zone, "Whose clock."),
             field("task", &Schedule::task, "What it runs."),
             field("catch_up", &Schedule::catch_up, "What becomes of times that were missed."),
             field("overlap", &Schedule::overlap, "What becomes of a run that the last one overlaps."),
             field("paused", &Schedule::paused, "true: it runs nothing."),
             field("next", &Schedule::next, "When it runs next; absent while it is paused."),
             field("last", &Schedule::last, "The time that it last ran for."),
             field("last_task", &Schedule::last_task, "The task that was run then."),
             field("last_outcome", &Schedule::last_outcome,
                   "\"started\", \"skipped\", or why nothing could be run."),
             field("runs", &Schedule::runs, "How many tasks it has run."),
             field("created", &Schedule::created, "When it was made."));
};

struct ListSchedules {
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("limit", &ListSchedules::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListSchedules::cursor, "next_cursor of the page before."));
};

struct ScheduleList {
  std::vector<Schedule> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &ScheduleList::items, "Schedules by name."),
      field("next_cursor", &ScheduleList::next_cursor, "Where the next page begins; absent on the last."));
};

}  // namespace acloud::task::schedule
