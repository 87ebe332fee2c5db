// A server that is a child process: a message a line on its standard input and output.
#pragma once

#include "async/channel.h"
#include "async/task_scope.h"
#include "mcp/process.h"
#include "mcp/transport.h"

namespace acloud::mcp {

class StdioTransport final : public Transport {
 public:
  // Lines that are no messages, as of programs that greet on standard output, until it counts as none of
  // ours.
  static constexpr std::size_t kGarbageLines = 100;

  // Starts the program. Errors: those of ChildProcess::start.
  static Result<std::unique_ptr<StdioTransport>> start(const Command& command, std::string name,
                                                       Hearer& hearer);

  Task<Result<Message>> request(Request request) override;
  Task<Result<>> notify(std::string method, std::string params) override;
  void speak(std::string_view) override {}
  Task<> listen(Request request) override;
  Task<> close() override;

 private:
  using Answer = async::OneShot<Result<Message>>;
  class Waiting;

  StdioTransport(std::unique_ptr<ChildProcess> process, std::string name, Hearer& hearer)
      : Transport(hearer), process_(std::move(process)), name_(std::move(name)) {}
  Task<> write();
  Task<> read();
  Task<> read_errors();
  void take_error(std::string_view line);
  Result<> take_bytes(std::string_view bytes);
  Result<> take_line(std::string_view line);
  Task<Error> why_ended();
  void end_with(const Error& why);

  std::unique_ptr<ChildProcess> process_;
  std::string name_;
  async::TaskScope scope_;
  async::Channel<std::string> out_{64};
  std::map<std::string, Answer> waiting_;  // by the id, as JSON text
  std::uint64_t next_id_ = 1;
  std::string partial_;
  std::size_t garbage_ = 0;
  std::string last_error_;  // the last line on its standard error
  async::OneShot<bool> errors_read_;
  std::optional<Error> over_;
};

}  // namespace acloud::mcp
