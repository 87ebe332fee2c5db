// The work of product `schedule`, and what runs when its time has come.
//
// A schedule is a row with the time that it is to run next. A time is done in two steps: the task is run by a
// call with an idempotency key made of the schedule and that time, then the row moves on. So one that a crash
// cuts off between the two is done again to no effect, and of two servers that see the same row one runs it.
#pragma once

#include "task/schedule/cron.h"
#include "task/schedule/on_behalf.h"
#include "task/schedule/rows.h"

namespace acloud::task::schedule {

class ScheduleService {
 public:
  static constexpr std::int64_t kSchedulesMost = 10'000;  // in one workspace

  ScheduleService(store::Database& database, Clock& clock, Random& random, OnBehalf::KeyWorks key_works)
      : database_(database), clock_(clock), behalf_(random, std::move(key_works)) {}
  // REQUIRES: before the first call. The path outlives the service's use.
  void connect(kernel::CallPath& path) { behalf_.connect(path); }

  Task<Result<Schedule>> create(kernel::Context& context, CreateSchedule request);
  Task<Result<Schedule>> get(kernel::Context& context, ScheduleName request);
  Task<Result<ScheduleList>> list(kernel::Context& context, ListSchedules request);
  Task<Result<Schedule>> pause(kernel::Context& context, ScheduleName request);
  Task<Result<Schedule>> resume(kernel::Context& context, ScheduleName request);
  Task<Result<ScheduleName>> remove(kernel::Context& context, ScheduleName request);

  // To be called about once a second: runs what is due. How many were.
  Task<Result<std::size_t>> run_due();

 private:
  Task<Result<Schedule>> set_paused(kernel::Context& context, std::string name, bool paused);
  Task<Result<>> run_one(Stored stored);
  // Nothing where it is to be tried again: another server is at it, or the cloud could not just now.
  Task<std::optional<rows::Turn>> attempt(const Stored& stored, bool late);
  // True where the last run is still going on.
  Task<Result<bool>> goes_on(const Stored& stored);

  store::Database& database_;
  Clock& clock_;
  OnBehalf behalf_;
};

}  // namespace acloud::task::schedule
