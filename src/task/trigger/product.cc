#include "task/trigger/product.h"

namespace acloud::task::trigger {
namespace {

using kernel::Effect;

template <class Request>
std::string trigger_of(const Request& request) {
  return "trigger/" + request.name;
}

}  // namespace

void declare(kernel::Catalog& catalog, TriggerService& service) {
  auto& trigger = catalog.add("trigger", "Tasks that start when something happens.");
  trigger.operation<CreateTrigger, Trigger>("create")
      .summary("Run a task for each message of a queue, object that is put, or webhook.")
      .keywords(
          "new event react when on upload file arrives message webhook github push hook subscribe automate "
          "start set up")
      .description(
          "The task is run with the rights of the key that makes the trigger, as long as that key works; its "
          "fields and its permission are checked now. A program finds the event in event.json, an agent at "
          "the "
          "end of its goal. A webhook's sender signs as Standard Webhooks or GitHub do.")
      .effect(Effect::spend)
      .resource(trigger_of<CreateTrigger>)
      .example(
          "Each report that is put into a bucket",
          R"json({"name":"reports","object":{"bucket":"inbox","prefix":"reports/"},"task":{"program":{"command":["cat","event.json"]}}})json")
      .handler(service, &TriggerService::create);
  trigger.operation<TriggerName, Trigger>("get")
      .summary("See a trigger, what waits for it, and what came of the last event.")
      .keywords("status event hook last waiting missed")
      .resource(trigger_of<TriggerName>)
      .example("One", R"({"name":"reports"})")
      .handler(service, &TriggerService::get);
  trigger.operation<ListTriggers, TriggerList>("list")
      .summary("List the workspace's triggers.")
      .keywords("show which all events hooks webhooks")
      .example("The first page", "{}")
      .handler(service, &TriggerService::list);
  trigger.operation<TriggerName, Trigger>("pause")
      .summary("Run nothing for events until it is resumed.")
      .keywords("stop hold suspend disable turn off event hook webhook")
      .effect(Effect::write)
      .resource(trigger_of<TriggerName>)
      .example("Pause it", R"({"name":"reports"})")
      .handler(service, &TriggerService::pause);
  trigger.operation<TriggerName, Trigger>("resume")
      .summary("Go on with the events that wait and those to come.")
      .keywords("continue unpause enable turn on again event hook webhook")
      .effect(Effect::spend)
      .resource(trigger_of<TriggerName>)
      .example("Resume it", R"({"name":"reports"})")
      .handler(service, &TriggerService::resume);
  trigger.operation<TriggerName, TriggerName>("delete")
      .summary("Delete a trigger and the events that wait for it. Tasks that it has run go on.")
      .keywords("remove cancel event hook webhook unsubscribe")
      .effect(Effect::destroy)
      .resource(trigger_of<TriggerName>)
      .example("Delete it", R"({"name":"reports"})")
      .handler(service, &TriggerService::remove);
}

}  // namespace acloud::task::trigger
