// Requests and replies of product `batch` that are about batches.
#pragma once

#include "base/schema.h"
#include "batch/file_types.h"
#include "kernel/page.h"

namespace acloud::batch {

enum class State { validating, failed, in_progress, finalizing, completed, expired, cancelling, cancelled };
constexpr auto enum_names(State) {
  using enum State;
  return std::array<std::pair<State, std::string_view>, 8>{{{validating, "validating"},
                                                            {failed, "failed"},
                                                            {in_progress, "in_progress"},
                                                            {finalizing, "finalizing"},
                                                            {completed, "completed"},
                                                            {expired, "expired"},
                                                            {cancelling, "cancelling"},
                                                            {cancelled, "cancelled"}}};
}
// Nothing more happens to a batch in it.
constexpr bool is_end(State state) {
  return state == State::failed || state == State::completed || state == State::expired ||
         state == State::cancelled;
}

// What the lines of a batch are asked of.
enum class Endpoint { chat_completions, responses, embeddings };
constexpr auto enum_names(Endpoint) {
  using enum Endpoint;
  return std::array<std::pair<Endpoint, std::string_view>, 3>{{{chat_completions, "/v1/chat/completions"},
                                                               {responses, "/v1/responses"},
                                                               {embeddings, "/v1/embeddings"}}};
}

enum class Window { day };
constexpr auto enum_names(Window) {
  return std::array<std::pair<Window, std::string_view>, 1>{{{Window::day, "24h"}}};
}
inline constexpr std::chrono::hours kWindow{24};

using Metadata = std::map<std::string, std::string>;

struct CreateBatch {
  std::string input_file;
  Endpoint endpoint = Endpoint::chat_completions;
  Window completion_window = Window::day;
  std::optional<std::chrono::seconds> output_expires_after;
  Metadata metadata;
  static constexpr auto schema = fields(
      field(
          "input_file", &CreateBatch::input_file,
          "The id of a file with purpose \"batch\": a line of JSON for each request, with custom_id, method, "
          "url and body.",
          required, length(1, 64)),
      field("endpoint", &CreateBatch::endpoint, "What all its lines are asked of.", required),
      field("completion_window", &CreateBatch::completion_window, "By when it ends."),
      field("output_expires_after_s", &CreateBatch::output_expires_after,
            "The files that it writes are deleted so long after. Absent: they stay until they are deleted.",
            between(kKeptLeast, kKeptMost)),
      field("metadata", &CreateBatch::metadata,
            "Notes of yours: 16 at most, names of 64 and values of 512 bytes at most."));
};

struct Counts {
  std::int64_t total = 0;
  std::int64_t completed = 0;
  std::int64_t failed = 0;
  static constexpr auto schema =
      fields(field("total", &Counts::total, "Lines; 0 until they were checked."),
             field("completed", &Counts::completed, "Answered."),
             field("failed", &Counts::failed, "Refused, or not asked within the time."));
};

// What is wrong with a batch as a whole, or with its input.
struct Fault {
  std::string code;
  std::string message;
  std::optional<std::int64_t> line;
  static constexpr auto schema =
      fields(field("code", &Fault::code, "A word for programs."),
             field("message", &Fault::message, "What is wrong."),
             field("line", &Fault::line, "In which line of the input, from 1 on; absent: in all of it."));
};

struct Batch {
  std::string id;
  State state = State::validating;
  Endpoint endpoint = Endpoint::chat_completions;
  Window completion_window = Window::day;
  std::string input_file;
  std::optional<std::string> output_file;
  std::optional<std::string> error_file;
  Counts counts;
  std::vector<Fault> errors;
  Time created{};
  std::optional<Time> started;
  std::optional<Time> finalizing;
  std::optional<Time> cancelling;
  std::optional<Time> ended;
  Time expires{};
  Metadata metadata;
  static constexpr auto schema = fields(
      field("id", &Batch::id, "Its identifier."), field("state", &Batch::state, "Where it stands."),
      field("endpoint", &Batch::endpoint, "What its lines are asked of."),
      field("completion_window", &Batch::completion_window, "By when it ends."),
      field("input_file", &Batch::input_file, "What it reads."),
      field("output_file", &Batch::output_file,
            "The answers, when it has ended; absent where there are none."),
      field("error_file", &Batch::error_file,
            "The lines that have no answer, when it has ended; absent where there are none."),
      field("counts", &Batch::counts, "How many lines."),
      field("errors", &Batch::errors, "Why it failed, where it did."),
      field("created", &Batch::created, "When it was made."),
      field("started", &Batch::started, "When its input had been checked."),
      field("finalizing", &Batch::finalizing, "When its last line was done, and its files were written."),
      field("cancelling", &Batch::cancelling, "When it was cancelled."),
      field("ended", &Batch::ended, "When it ended, however it did."),
      field("expires", &Batch::expires, "When it ends at the latest."),
      field("metadata", &Batch::metadata, "As it was given."));
};

struct BatchId {
  std::string id;
  static constexpr auto schema =
      fields(field("id", &BatchId::id, "The id of a batch.", required, length(1, 64)));
};

struct ListBatches {
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("limit", &ListBatches::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListBatches::cursor, "next_cursor of the page before."));
};

struct BatchList {
  std::vector<Batch> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &BatchList::items, "Batches, the newest first."),
      field("next_cursor", &BatchList::next_cursor, "Where the next page begins; absent on the last."));
};

}  // namespace acloud::batch
