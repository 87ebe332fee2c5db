#include "storage/queue/product.h"

namespace acloud::storage {
namespace {

using kernel::Effect;

template <class Request>
std::string queue_of(const Request& request) {
  return "queue/" + request.name;
}

void declare_messages(kernel::Product& queue, QueueService& service) {
  queue.operation<SendMessage, SentMessage>("send")
      .summary("Send a message.")
      .keywords("put add push publish enqueue post job work event notify message queue")
      .description("It is on disk when the reply comes, and given in the order of sending.")
      .effect(Effect::write)
      .resource(queue_of<SendMessage>)
      .example("A job", R"({"name":"jobs","body":"resize 17.png"})")
      .example("In an hour", R"({"name":"jobs","body":"check again","delay_s":3600})")
      .handler(service, &QueueService::send);
  queue.operation<ReceiveMessages, ReceivedMessages>("receive")
      .summary("Receive messages, oldest first; ack each when its work is done.")
      .keywords("take get next pull pop consume fetch dequeue job work wait new message queue")
      .description(
          "A message that was received is kept from others for the queue's visibility time, then given again "
          "unless it was acked: so its work is done at least once. With wait_s the call waits for one.")
      .effect(Effect::write)
      .ephemeral()  // one that was given none leaves no more than a read does
      .resource(queue_of<ReceiveMessages>)
      .example("Up to ten, waiting for the first", R"({"name":"jobs","limit":10,"wait_s":20})")
      .handler(service, &QueueService::receive);
  queue.operation<AckMessage, QueueDone>("ack")
      .summary("Remove a received message: its work is done.")
      .keywords("acknowledge done finished complete confirm processed job message queue")
      .effect(Effect::write)
      .resource(queue_of<AckMessage>)
      .example("Done", R"({"name":"jobs","receipt":"rcp_9f86d081884c7d659a2feaa0c55ad015"})")
      .handler(service, &QueueService::ack);
  queue.operation<NackMessage, QueueDone>("nack")
      .summary("Give a received message back, for another to receive.")
      .keywords("return give back fail cannot retry later again release reject job message queue")
      .effect(Effect::write)
      .resource(queue_of<NackMessage>)
      .example("In a minute",
               R"({"name":"jobs","receipt":"rcp_9f86d081884c7d659a2feaa0c55ad015","delay_s":60})")
      .handler(service, &QueueService::nack);
  queue.operation<ChangeVisibility, QueueDone>("change_visibility")
      .summary("Keep a received message for longer, or for less long.")
      .keywords("extend more time longer lease heartbeat still working job message queue")
      .effect(Effect::write)
      .resource(queue_of<ChangeVisibility>)
      .example("Ten minutes more",
               R"({"name":"jobs","receipt":"rcp_9f86d081884c7d659a2feaa0c55ad015","visibility_s":600})")
      .handler(service, &QueueService::change_visibility);
}

}  // namespace

void declare(kernel::Catalog& catalog, QueueService& service) {
  auto& queue =
      catalog.add("queue", "Messages that are given to one receiver at a time until they are acked.");
  queue.operation<CreateQueue, Queue>("create")
      .summary("Make a queue.")
      .keywords("new set up message job work queue between agents workers dead letter")
      .effect(Effect::write)
      .resource(queue_of<CreateQueue>)
      .example("One for jobs", R"({"name":"jobs","visibility_s":60})")
      .example("Whose failures are kept apart",
               R"({"name":"jobs","max_receives":5,"dead_letter":"failed-jobs"})")
      .handler(service, &QueueService::create);
  declare_messages(queue, service);
  queue.operation<QueueName, QueueState>("get")
      .summary("Tell how many messages a queue has.")
      .keywords("how many length depth size waiting backlog left count jobs messages queue")
      .resource(queue_of<QueueName>)
      .example("Its state", R"({"name":"jobs"})")
      .handler(service, &QueueService::get);
  queue.operation<ListQueues, QueueList>("list")
      .summary("List the workspace's queues.")
      .keywords("show which all queues")
      .example("The first page", "{}")
      .handler(service, &QueueService::list);
  queue.operation<QueueName, Purged>("purge")
      .summary("Remove every message of a queue.")
      .keywords("empty clear flush throw away drop all everything backlog jobs messages queue")
      .effect(Effect::destroy)
      .resource(queue_of<QueueName>)
      .example("Empty it", R"({"name":"jobs"})")
      .handler(service, &QueueService::purge);
  queue.operation<QueueName, QueueName>("delete")
      .summary("Delete a queue with its messages.")
      .keywords("remove drop destroy queue")
      .effect(Effect::destroy)
      .resource(queue_of<QueueName>)
      .example("Delete it", R"({"name":"jobs"})")
      .handler(service, &QueueService::remove);
}

}  // namespace acloud::storage
