// The E2B dialect: the public e2b and @e2b/code-interpreter clients work with this server's address as
// E2B_API_URL and E2B_SANDBOX_URL.
//
// Three services are at one address. Without the header E2b-Sandbox-Id a request is for the control API
// (control.cc). With it the header E2b-Sandbox-Port says which service of that sandbox is meant: envd on
// 49983 (envd.cc: files, and calls in the Connect protocol) or the code interpreter on 49999
// (interpreter.cc). Each becomes calls of product `sandbox`, which decide everything.
//
// The clients give an API key to the control API alone; to the others they give the access token that they
// had from there, which is that key again, made no weaker: nobody gets it who did not have it.
#pragma once

#include <string>

#include "kernel/call_path.h"
#include "net/http.h"

namespace acloud::surfaces::e2b {

// A request on its way: who asks, and for which sandbox.
struct Asked {
  net::Request& request;
  std::string path;        // decoded no further than HTTP has it
  std::string request_id;  // of the first call, and the response
  kernel::Caller caller;
  std::string key;      // as it was presented
  std::string sandbox;  // "" in the control API
  bool first = true;    // no call was made yet
};

// What a request of the control API says of the network, as the `egress` of sandbox.create; nothing where it
// says nothing. Errors: invalid_argument.
Result<std::optional<Json>> egress_from(const Json& body);
// Below which sandboxes' ports have names, as the client of these headers sees it: for getHost().
std::string domain_of(const net::Headers& headers);

class E2b {
 public:
  static constexpr std::size_t kJsonBytes = 16 << 20;
  static constexpr std::size_t kFormBytes = 64 << 20;

  E2b(kernel::CallPath& path, Random& random) : path_(path), random_(random) {}

  static bool takes(const net::Request& request);
  Task<net::Response> handle(net::Request& request);

 private:
  using Translate = Task<Result<net::Response>> (E2b::*)(Asked& asked);

  Task<Result<net::Response>> route(Asked& asked);
  Task<Result<net::Response>> control(Asked& asked);
  Task<Result<net::Response>> envd(Asked& asked);
  Task<Result<net::Response>> interpreter(Asked& asked);

  // Control.
  Task<Result<net::Response>> create(Asked& asked);
  Task<Result<net::Response>> list(Asked& asked);
  Task<Result<net::Response>> one(Asked& asked, std::string id, std::string verb);
  Task<Result<net::Response>> set_timeout(Asked& asked, const std::string& id);
  Task<Result<net::Response>> pause(Asked& asked, const std::string& id);
  Task<Result<net::Response>> connect(Asked& asked, const std::string& id);
  Task<Result<net::Response>> metrics(Asked& asked, const std::string& id);
  Task<Result<net::Response>> fork(Asked& asked, const std::string& id);
  Task<Result<net::Response>> snapshot(Asked& asked, const std::string& id);
  Task<Result<net::Response>> list_snapshots(Asked& asked);
  Task<Result<net::Response>> delete_template(Asked& asked, const std::string& id);
  Task<Result<net::Response>> set_network(Asked& asked, const std::string& id);

  // Envd.
  Task<Result<net::Response>> health(Asked& asked);
  Task<Result<net::Response>> read_file(Asked& asked, const std::string& path);
  Task<Result<net::Response>> write_files(Asked& asked, const std::string& path);
  Task<Result<Json>> write_file(Asked& asked, const std::string& path, net::Body body);
  Task<Result<Json>> filesystem(Asked& asked, std::string_view method, const Json& message);
  Task<Result<Json>> stat(Asked& asked, std::string path);
  Task<Result<Json>> list_folder(Asked& asked, std::string path, std::int64_t depth);
  Task<Result<>> remove(Asked& asked, std::string path);
  Task<Result<>> move(Asked& asked, std::string from, std::string to);
  Task<Result<Json>> make_folder(Asked& asked, std::string path);
  Task<Result<net::Response>> watch_folder(Asked& asked);
  Task<Result<Json>> process(Asked& asked, std::string_view method, const Json& message);
  Task<Result<net::Response>> start_process(Asked& asked);
  Task<Result<net::Response>> connect_process(Asked& asked);
  // The one that runs and that a message's `process` means, by pid or tag. Errors: not_found.
  Task<Result<Json>> find_process(Asked& asked, const Json& message);
  Task<Result<Json>> send_input(Asked& asked, const Json& process, const Json& message);
  // Runs a program of the image for its effect. Errors: what it wrote to standard error, as a code.
  Task<Result<std::string>> run_tool(Asked& asked, std::vector<std::string> command);

  // The interpreter.
  Task<Result<net::Response>> execute(Asked& asked);
  Task<Result<net::Response>> contexts(Asked& asked);

  kernel::Call new_call(Asked& asked, std::string operation, Json arguments);
  // One call, decided and durable.
  Task<Result<kernel::Reply>> run(Asked& asked, kernel::Call& call);
  Task<Result<Json>> call(Asked& asked, std::string operation, Json arguments);

  kernel::CallPath& path_;
  Random& random_;
};

}  // namespace acloud::surfaces::e2b
