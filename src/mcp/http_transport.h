// A server that is reached by streamable HTTP: each message a POST, its answer JSON or a stream of events.
#pragma once

#include "async/task_scope.h"
#include "mcp/transport.h"
#include "net/client.h"
#include "net/sse.h"

namespace acloud::mcp {

class HttpTransport final : public Transport {
 public:
  struct Options {
    net::Url url;
    std::vector<std::pair<std::string, std::string>> headers;  // of every request
    std::string ca_file;
  };
  HttpTransport(Options options, Hearer& hearer);

  Task<Result<Message>> request(Request request) override;
  Task<Result<>> notify(std::string method, std::string params) override;
  void speak(std::string_view version) override { version_ = version; }
  Task<> listen(Request request) override;
  Task<> close() override;

 private:
  net::Request post(const Request& request, std::string body) const;
  void add_headers(net::Request& request) const;
  Task<Result<Message>> exchange(std::string id, net::Request request);
  Task<Result<Message>> read_events(std::string id, net::Response response);
  Task<Result<>> read_stream(net::Response response);
  Result<> take_event(const net::Event& event, const std::string& id, std::optional<Message>& answer);
  Task<Result<>> send(std::string text);
  Task<> send_later(std::string text);
  void say(std::string text);
  Error refused(const net::Response& response, std::string_view body);

  Options options_;
  net::Client client_;
  async::TaskScope scope_;  // what is said without waiting for it
  std::string version_;
  std::string session_;
  std::uint64_t next_id_ = 1;
  bool lost_ = false;
};

}  // namespace acloud::mcp
