// `acloud task run`, `tail` and `trace`: the one product that the command line knows, since a person who runs
// a task wants to see it happen, from its goal to its receipt.
//
// On a terminal: a line a step as it happens, then the answer and the receipt. Else NDJSON: the events, then
// "receipt" and "result".
#pragma once

#include "cli/arguments.h"
#include "cli/output.h"
#include "cli/server.h"
#include "cli/trace_page.h"

namespace acloud::cli {

// Takes each `--file PATH` out of the words after `task run`; gives what they hold, as resources.files has
// it. Errors: of reading them.
Result<OrderedJson> take_files(std::vector<std::string>& words, const ReadFile& read_file);

// Takes `--agent FILE` out of them: the agent that the file describes. Nothing where there is none, or where
// the word is an agent itself.
Result<std::optional<OrderedJson>> take_agent(std::vector<std::string>& words, const ReadFile& read_file);

class TaskCommand {
 public:
  TaskCommand(Server& server, const Options& options, const World& world)
      : server_(server), options_(options), output_(world, options) {}

  // Starts it and follows it to its end. Gives the exit code: 0 where it succeeded, else 1.
  Task<Outcome<int>> run(OrderedJson fields);
  Task<Outcome<int>> tail(std::string task);
  // Its steps on a line of time.
  Task<Outcome<int>> trace(std::string task);
  // The same as an HTML file, with the tasks below it.
  Task<Outcome<int>> trace_to(std::string task, std::string path);

 private:
  Task<Outcome<OrderedJson>> call(std::string operation, OrderedJson fields);
  Task<Outcome<Trace>> gather(std::string task, int depth);
  Task<Outcome<>> follow(const std::string& task);
  Outcome<> show(const std::string& name, const OrderedJson& data);
  std::string line_of(const std::string& name, const OrderedJson& data);
  Outcome<> finish(const OrderedJson& task, const OrderedJson& receipt);
  bool for_people() const { return output_.format() == Format::table; }

  Server& server_;
  const Options& options_;
  Output output_;
  std::map<std::string, std::string> tools_;  // by the id of their call
  std::int64_t first_ = 0;
};

}  // namespace acloud::cli
