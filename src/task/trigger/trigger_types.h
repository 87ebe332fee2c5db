// The requests and replies of product `trigger`.
#pragma once

#include "base/schema.h"
#include "kernel/page.h"
#include "task/schedule/schedule_types.h"

namespace acloud::task::trigger {

struct ObjectSource {
  std::string bucket, prefix;
  static constexpr auto schema =
      fields(field("bucket", &ObjectSource::bucket, "Objects that are put into this bucket,", required,
                   length(3, 63)),
             field("prefix", &ObjectSource::prefix, "with names that begin so.", length(0, 1024)));
};

struct WebhookSource {
  std::optional<std::string> secret;
  static constexpr auto schema =
      fields(field("secret", &WebhookSource::secret,
                   "What its sender signs with, 16 bytes at least. Absent: one is made, and shown once.",
                   length(16, 200)));
};

struct CreateTrigger {
  std::string name;
  std::optional<std::string> queue;
  std::optional<ObjectSource> object;
  std::optional<WebhookSource> webhook;
  Json task;
  std::int64_t at_once = 10;
  static constexpr auto schema = fields(
      field("name", &CreateTrigger::name, "Name of the new trigger.", required,
            form(schedule::is_schedule_name, schedule::kScheduleNameRule)),
      field("queue", &CreateTrigger::queue, "Each message of this queue,", length(1, 64)),
      field("object", &CreateTrigger::object, "or each object that is put,"),
      field("webhook", &CreateTrigger::webhook, "or each signed POST to an address of its own; {} will do."),
      field("task", &CreateTrigger::task,
            "What is run then: the fields of task.run. It is told of the event."),
      field("at_once", &CreateTrigger::at_once, "Tasks of it that go on at once; the rest waits.",
            between(1, 1000)));
};

struct TriggerName {
  std::string name;
  static constexpr auto schema = fields(field("name", &TriggerName::name, "Which.", required,
                                              form(schedule::is_schedule_name, schedule::kScheduleNameRule)));
};

struct Trigger {
  std::string name;
  std::optional<std::string> queue;
  std::optional<ObjectSource> object;
  std::optional<std::string> webhook;
  std::optional<std::string> secret;
  Json task;
  std::int64_t at_once = 10;
  bool paused = false;
  std::int64_t waiting = 0, runs = 0, missed = 0;
  std::optional<Time> last;
  std::optional<std::string> last_task, last_outcome;
  Time created{};
  static constexpr auto schema =
      fields(field("name", &Trigger::name, "Its name, unique in the workspace."),
             field("queue", &Trigger::queue, "The queue whose messages it takes."),
             field("object", &Trigger::object, "Which objects it waits for."),
             field("webhook", &Trigger::webhook, "The path on this server that its sender POSTs to."),
             field("secret", &Trigger::secret,
                   "What its sender signs with; shown when it is made, and never again."),
             field("task", &Trigger::task, "What it runs."),
             field("at_once", &Trigger::at_once, "Tasks of it that go on at once."),
             field("paused", &Trigger::paused, "true: it runs nothing."),
             field("waiting", &Trigger::waiting, "Events that no task was run for yet; a queue has its own."),
             field("runs", &Trigger::runs, "How many tasks it has run."),
             field("missed", &Trigger::missed, "Objects that were put while too many events waited already."),
             field("last", &Trigger::last, "When it last tried to run one."),
             field("last_task", &Trigger::last_task, "The task that it ran last."),
             field("last_outcome", &Trigger::last_outcome, "\"started\", or why nothing could be run."),
             field("created", &Trigger::created, "When it was made."));
};

struct ListTriggers {
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("limit", &ListTriggers::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListTriggers::cursor, "next_cursor of the page before."));
};

struct TriggerList {
  std::vector<Trigger> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &TriggerList::items, "Triggers by name."),
      field("next_cursor", &TriggerList::next_cursor, "Where the next page begins; absent on the last."));
};

}  // namespace acloud::task::trigger
