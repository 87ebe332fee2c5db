// The requests and replies of product `queue`.
#pragma once

#include "base/schema.h"
#include "kernel/page.h"

namespace acloud::storage {

bool is_queue_name(std::string_view text);
inline constexpr std::string_view kQueueNameRule =
    "1 to 63 of letters, digits, '_', '.', '-', beginning with a letter or digit";

inline constexpr std::size_t kMessageMost = 256 << 10;  // bytes of a body
inline constexpr std::int64_t kReceiveMost = 100;       // messages at once
inline constexpr std::chrono::hours kVisibilityMost{12};
inline constexpr std::chrono::hours kDelayMost{24 * 14};
inline constexpr std::chrono::hours kRetentionMost{24 * 90};
inline constexpr std::chrono::seconds kWaitMost{60};

struct CreateQueue {
  std::string name;
  std::chrono::seconds visibility{30};
  std::optional<std::int64_t> max_receives;
  std::optional<std::string> dead_letter;
  std::chrono::seconds retention{std::chrono::hours{24 * 14}};
  static constexpr auto schema = fields(
      field("name", &CreateQueue::name, "Name of the new queue.", required,
            form(is_queue_name, kQueueNameRule)),
      field("visibility_s", &CreateQueue::visibility,
            "How long a received message is kept from others; then it is given again, unless it was acked.",
            between(std::chrono::seconds(1), kVisibilityMost)),
      field("max_receives", &CreateQueue::max_receives,
            "How often a message is given before it goes to `dead_letter`; together with that.",
            between(1, 1000)),
      field(
          "dead_letter", &CreateQueue::dead_letter,
          "Another queue, that is there already: for messages received `max_receives` times and never acked.",
          form(is_queue_name, kQueueNameRule)),
      field("retention_s", &CreateQueue::retention, "A message older than this is dropped.",
            between(std::chrono::seconds(60), kRetentionMost)));
};

struct QueueName {
  std::string name;
  static constexpr auto schema = fields(
      field("name", &QueueName::name, "Name of the queue.", required, form(is_queue_name, kQueueNameRule)));
};

struct Queue {
  std::string name;
  std::chrono::seconds visibility{};
  std::optional<std::int64_t> max_receives;
  std::optional<std::string> dead_letter;
  std::chrono::seconds retention{};
  Time created{};
  static constexpr auto schema =
      fields(field("name", &Queue::name, "Its name, unique in the workspace."),
             field("visibility_s", &Queue::visibility, "How long a received message is kept from others."),
             field("max_receives", &Queue::max_receives, "How often a message is given at most."),
             field("dead_letter", &Queue::dead_letter, "Where it goes then."),
             field("retention_s", &Queue::retention, "When an old message is dropped."),
             field("created", &Queue::created, "When it was made."));
};

struct QueueState {
  Queue queue;
  std::int64_t ready = 0;
  std::int64_t waiting = 0;
  std::optional<Time> oldest;
  static constexpr auto schema =
      fields(field("queue", &QueueState::queue, "The queue."),
             field("ready", &QueueState::ready, "Messages that a receive would be given now."),
             field("waiting", &QueueState::waiting, "Messages that are delayed, or received and not acked."),
             field("oldest", &QueueState::oldest, "When the oldest of all was sent."));
};

struct ListQueues {
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("limit", &ListQueues::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListQueues::cursor, "next_cursor of the page before."));
};

struct QueueList {
  std::vector<Queue> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &QueueList::items, "Queues by name."),
      field("next_cursor", &QueueList::next_cursor, "Where the next page begins; absent on the last."));
};

struct SendMessage {
  std::string name;
  std::string body;
  std::chrono::seconds delay{0};
  static constexpr auto schema = fields(
      field("name", &SendMessage::name, "To which queue.", required, form(is_queue_name, kQueueNameRule)),
      field("body", &SendMessage::body, "The message: text, JSON for instance, of 256 KiB at most.", required,
            length(0, kMessageMost)),
      field("delay_s", &SendMessage::delay, "Given to nobody before this time is over.",
            between(std::chrono::seconds(0), kDelayMost)));
};

struct SentMessage {
  std::string id;
  static constexpr auto schema =
      fields(field("id", &SentMessage::id, "Of the message, as receive shows it."));
};

struct ReceiveMessages {
  std::string name;
  std::int64_t limit = 1;
  std::chrono::seconds wait{0};
  static constexpr auto schema =
      fields(field("name", &ReceiveMessages::name, "From which queue.", required,
                   form(is_queue_name, kQueueNameRule)),
             field("limit", &ReceiveMessages::limit, "Messages at most.", between(1, kReceiveMost)),
             field("wait_s", &ReceiveMessages::wait, "Where there is none: waits this long for one.",
                   between(std::chrono::seconds(0), kWaitMost)));
};

struct Message {
  std::string id;
  std::string body;
  std::string receipt;
  Time sent{};
  std::int64_t receives = 0;
  static constexpr auto schema =
      fields(field("id", &Message::id, "The same each time that it is given."),
             field("body", &Message::body, "What was sent."),
             field("receipt", &Message::receipt,
                   "For ack, nack and change_visibility, until the visibility time is over."),
             field("sent", &Message::sent, "When it was sent."),
             field("receives", &Message::receives, "How often it was given, this time included."));
};

struct ReceivedMessages {
  std::vector<Message> items;
  static constexpr auto schema =
      fields(field("items", &ReceivedMessages::items, "In the order in which they were sent."));
};

struct AckMessage {
  std::string name;
  std::string receipt;
  static constexpr auto schema = fields(
      field("name", &AckMessage::name, "Of which queue.", required, form(is_queue_name, kQueueNameRule)),
      field("receipt", &AckMessage::receipt, "As receive gave it.", required, length(1, 128)));
};

struct NackMessage {
  std::string name;
  std::string receipt;
  std::chrono::seconds delay{0};
  static constexpr auto schema = fields(
      field("name", &NackMessage::name, "Of which queue.", required, form(is_queue_name, kQueueNameRule)),
      field("receipt", &NackMessage::receipt, "As receive gave it.", required, length(1, 128)),
      field("delay_s", &NackMessage::delay, "Not given again before this time is over.",
            between(std::chrono::seconds(0), kVisibilityMost)));
};

struct ChangeVisibility {
  std::string name;
  std::string receipt;
  std::chrono::seconds visibility{0};
  static constexpr auto schema = fields(
      field("name", &ChangeVisibility::name, "Of which queue.", required,
            form(is_queue_name, kQueueNameRule)),
      field("receipt", &ChangeVisibility::receipt, "As receive gave it.", required, length(1, 128)),
      field("visibility_s", &ChangeVisibility::visibility, "From now on; the receipt is good for as long.",
            required, between(std::chrono::seconds(1), kVisibilityMost)));
};

struct QueueDone {
  static constexpr auto schema = fields();
};

struct Purged {
  std::int64_t count = 0;
  static constexpr auto schema = fields(field("count", &Purged::count, "How many messages went."));
};

}  // namespace acloud::storage
