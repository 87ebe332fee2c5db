#include "task/schedule/product.h"

namespace acloud::task::schedule {
namespace {

using kernel::Effect;

template <class Request>
std::string schedule_of(const Request& request) {
  return "schedule/" + request.name;
}

}  // namespace

void declare(kernel::Catalog& catalog, ScheduleService& service) {
  auto& schedule = catalog.add("schedule", "Tasks that run when their time comes.");
  schedule.operation<CreateSchedule, Schedule>("create")
      .summary("Run a task at times that a cron expression names.")
      .keywords(
          "new cron job timer recurring repeat every day daily morning nightly night weekly week monday "
          "hourly hour month regularly at time plan set up")
      .description(
          "The task is run with the rights of the key that makes the schedule, as long as that key works; "
          "its "
          "fields and its permission are checked now.")
      .effect(Effect::spend)
      .resource(schedule_of<CreateSchedule>)
      .example(
          "A report on working days, at half past six in Oslo",
          R"json({"name":"morning","cron":"30 6 * * mon-fri","time_zone":"Europe/Oslo","task":{"goal":"how many rows has orders.csv?"}})json")
      .handler(service, &ScheduleService::create);
  schedule.operation<ScheduleName, Schedule>("get")
      .summary("See when a schedule runs next, and what came of the last time.")
      .keywords("when next run last cron job timer status")
      .resource(schedule_of<ScheduleName>)
      .example("One", R"({"name":"morning"})")
      .handler(service, &ScheduleService::get);
  schedule.operation<ListSchedules, ScheduleList>("list")
      .summary("List the workspace's schedules.")
      .keywords("show which all cron jobs timers recurring")
      .example("The first page", "{}")
      .handler(service, &ScheduleService::list);
  schedule.operation<ScheduleName, Schedule>("pause")
      .summary("Run nothing until it is resumed.")
      .keywords("stop hold suspend skip disable turn off cron job nightly timer")
      .effect(Effect::write)
      .resource(schedule_of<ScheduleName>)
      .example("Pause it", R"({"name":"morning"})")
      .handler(service, &ScheduleService::pause);
  schedule.operation<ScheduleName, Schedule>("resume")
      .summary("Go on with the next time from now.")
      .keywords("continue unpause enable turn on again cron job nightly timer")
      .effect(Effect::spend)
      .resource(schedule_of<ScheduleName>)
      .example("Resume it", R"({"name":"morning"})")
      .handler(service, &ScheduleService::resume);
  schedule.operation<ScheduleName, ScheduleName>("delete")
      .summary("Delete a schedule. Tasks that it has run go on.")
      .keywords("remove cancel cron job timer recurring")
      .effect(Effect::destroy)
      .resource(schedule_of<ScheduleName>)
      .example("Delete it", R"({"name":"morning"})")
      .handler(service, &ScheduleService::remove);
}

}  // namespace acloud::task::schedule
