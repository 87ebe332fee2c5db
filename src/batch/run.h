// One batch on its way from its input to its files.
//
// A line is a call of a model as any other, made with the rights of the batch's maker. What came of it is on
// disk before it counts, so that a run which a crash cuts off is gone on with by another, without the lines
// that were done; those under way are asked again. Where a limit or a budget refuses a line, or no provider
// is well, the batch waits and tries one line at a time; each that passes doubles how many are asked at once.
#pragma once

#include <deque>

#include "async/channel.h"
#include "async/task_scope.h"
#include "batch/batch_rows.h"
#include "batch/lines.h"
#include "kernel/call_path.h"
#include "store/blobs.h"

namespace acloud::batch {

struct RunParts {
  kernel::CallPath& path;
  store::Database& database;
  store::Blobs& blobs;
  Clock& clock;
  Random& random;
  std::string place;  // names this server's data folder
  // Whether the API key of this id still works.
  std::function<Task<Result<bool>>(std::string key)> key_works;
  // An error as the lines' dialect tells it: its status, and its JSON as bytes at hand.
  std::function<net::Response(const Error&)> told;
  std::size_t lines_at_once;
};

// May what failed so go well another time?
bool is_passing(const Error& error);

class Run {
 public:
  Run(const RunParts& parts, StoredBatch batch) : parts_(parts), batch_(std::move(batch)) {}

  // Does what is left to be done, to the end. Errors: cancelled after stop(); not_found: the batch is gone;
  // what the store says: then it is to be gone on with later, by another.
  Task<Result<>> go();
  // No line is begun any more; go() returns when those under way are done.
  void stop();
  // Nor are these waited for.
  void cut_off();

 private:
  struct Pending {
    Line line;
    int tries = 0;
  };
  struct Asked {
    bool ok;
    int status;
    std::string body;  // JSON
    std::string request_id;
  };

  Task<Result<>> check_input();
  Task<Result<std::vector<Fault>>> faults_of_input();
  Task<Result<LineReader>> open_input();
  void fail_unread(const Error& error);

  Task<Result<>> ask_all();
  Task<Result<>> feed();
  Task<Result<std::optional<Pending>>> next();
  Task<Result<>> look();
  Task<Result<>> rest();
  bool may_begin() const;
  Task<> ask(Pending pending);
  Task<Result<Asked>> call(const Line& line, const std::string& request_id);
  bool postpone(Pending& pending, const Error& error);
  Task<Result<>> keep(std::vector<LineResult> results);
  LineResult result_of(const Line& line, const Asked& asked) const;

  Task<Result<>> give_up_rest();
  Task<Result<>> finish();
  Task<Result<std::optional<StoredFile>>> write_file(bool ok);
  Task<Result<>> clean_up();
  Task<Result<>> save();
  Task<Result<>> reload();

  const RunParts& parts_;
  StoredBatch batch_;
  bool stopping_ = false;

  std::unique_ptr<LineReader> input_;
  std::unique_ptr<async::TaskScope> lines_;
  async::Channel<bool> bell_{1};
  std::set<std::int64_t> done_;  // of earlier runs
  std::deque<Pending> again_;    // refused for now
  std::size_t under_way_ = 0;
  std::size_t bytes_ = 0;  // of the lines under way
  std::size_t limit_ = 1;  // how many may be under way
  Duration wait_{};        // how long it was waited after the last refusal
  Instant not_before_{};
  Instant next_look_{};
  std::optional<Error> trouble_;  // what a line gave could not be kept
  std::string refusal_;           // the maker's key works no more
};

}  // namespace acloud::batch
