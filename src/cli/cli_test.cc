// The whole program against a server that serves a catalog and answers as it is told.
#include "cli/cli.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/schema.h"
#include "cli/testing/sample_catalog.h"
#include "net/testing/raw_server.h"

namespace acloud::cli {
namespace {

using net::testing::RawConnection;
using net::testing::RawServer;

struct Received {
  std::string line;  // "POST /api/object/put HTTP/1.1"
  std::string head;
  std::string body;
};

// Answers GET /api with a catalog, and POSTs with `answer`.
class ApiServer {
 public:
  ApiServer() : server_([this](RawConnection& connection) { serve(connection); }) {}

  std::string url() const { return fmt::format("http://127.0.0.1:{}", server_.port()); }
  std::function<std::string(const Received&)> answer = [](const Received&) { return json("{\"ok\":true}"); };
  std::string catalog = testing::sample_catalog();
  std::atomic<int> catalogs_sent = 0;

  Received last() {
    const std::lock_guard lock(mutex_);
    return last_;
  }

  static std::string json(const std::string& body, const std::string& status = "200 OK") {
    return fmt::format("HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                       status, body.size(), body);
  }

 private:
  void serve(RawConnection& connection) {
    for (;;) {
      Received received;
      received.head = connection.read_until("\r\n\r\n");
      if (received.head.empty()) return;
      received.line = received.head.substr(0, received.head.find("\r\n"));
      received.body = read_body(connection, received.head);
      connection.send(respond(received));
    }
  }

  static std::string read_body(RawConnection& connection, const std::string& head) {
    if (const auto at = head.find("Content-Length: "); at != std::string::npos) {
      return connection.read_exactly(std::stoul(head.substr(at + 16)));
    }
    std::string body;
    if (head.find("chunked") == std::string::npos) return body;
    for (;;) {
      const auto size = std::stoul(connection.read_until("\r\n"), nullptr, 16);
      body += connection.read_exactly(size);
      connection.read_exactly(2);
      if (size == 0) return body;
    }
  }

  std::string respond(const Received& received) {
    if (received.line.starts_with("GET /readyz")) return json("{}");
    if (received.line.starts_with("GET /api ")) {
      const std::string etag = fmt::format("\"{}\"", std::hash<std::string>()(catalog));
      if (received.head.find("If-None-Match: " + etag) != std::string::npos)
        return "HTTP/1.1 304 Not Modified\r\n\r\n";
      ++catalogs_sent;
      return fmt::format("HTTP/1.1 200 OK\r\nETag: {}\r\nContent-Length: {}\r\n\r\n{}", etag, catalog.size(),
                         catalog);
    }
    {
      const std::lock_guard lock(mutex_);
      last_ = received;
    }
    return answer(received);
  }

  std::mutex mutex_;
  Received last_;
  RawServer server_;
};

class Cli : public ::testing::Test {
 protected:
  Cli() {
    std::string pattern = std::filesystem::temp_directory_path() / "acloud-cli-XXXXXX";
    home_ = ::mkdtemp(pattern.data());
    world_.environment = {{"HOME", home_}, {"ACLOUD_URL", server_.url()}, {"ACLOUD_API_KEY", "acloud_test"}};
    world_.data_folder = home_ + "/data";
    world_.version = "0.0.1";
    world_.clock = &clock_;
    world_.in = ::open("/dev/null", O_RDONLY);
  }
  ~Cli() override {
    ::close(world_.in);
    std::filesystem::remove_all(home_);
  }

  int call(std::vector<std::string> words) {
    std::ostringstream out;
    std::ostringstream err;
    world_.out = &out;
    world_.err = &err;
    const int code = run(words, world_, local_);
    out_ = out.str();
    err_ = err.str();
    return code;
  }
  void expect_said(const std::string& text, const std::string& part) const {
    EXPECT_NE(text.find(part), std::string::npos) << "out: " << out_ << "err: " << err_;
  }
  void write_file(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(home_ + "/" + path).parent_path());
    std::ofstream(home_ + "/" + path) << text;
  }

  ApiServer server_;
  SystemClock clock_;
  World world_;
  std::vector<LocalCommand> local_;
  std::string home_;
  std::string out_;
  std::string err_;
};

TEST_F(Cli, CallsAnOperation) {
  server_.answer = [](const Received&) { return ApiServer::json(R"({"etag": "abc"})"); };
  EXPECT_EQ(call({"object", "put", "b", "k", "--content", "v", "--idempotency-key", "once", "--dry-run"}), 0)
      << err_;
  EXPECT_EQ(out_, "{\"etag\": \"abc\"}\n");
  EXPECT_EQ(err_, "");
  EXPECT_EQ(server_.last().line, "POST /api/object/put HTTP/1.1");
  EXPECT_EQ(server_.last().body, R"({"content":"v","bucket":"b","key":"k"})");
  for (const std::string field :
       {"Authorization: Bearer acloud_test", "Idempotency-Key: once", "Prefer: dry-run",
        "Content-Type: application/json", "User-Agent: acloud/0.0.1"}) {
    expect_said(server_.last().head, field + "\r\n");
  }
}

TEST_F(Cli, ExitsAsTheErrorSays) {
  const auto code_for = [&](const std::string& status, const std::string& code) {
    server_.answer = [=](const Received&) {
      return ApiServer::json(
          fmt::format(R"({{"error":{{"code":"{}","message":"m","details":{{"a":1}},"request_id":"req_7"}}}})",
                      code),
          status);
    };
    return call({"object", "get", "b", "k", "--output", "json"});
  };
  EXPECT_EQ(code_for("404 Not Found", "not_found"), 1);
  EXPECT_EQ(err_,
            "{\"error\":{\"code\":\"not_found\",\"message\":\"m\",\"details\":{\"a\":1},\"request_id\":\"req_"
            "7\"}}\n");
  EXPECT_EQ(out_, "");
  EXPECT_EQ(code_for("400 Bad Request", "invalid_argument"), 2);
  EXPECT_EQ(code_for("401 Unauthorized", "unauthenticated"), 4);
  EXPECT_EQ(code_for("402 Payment Required", "budget_exceeded"), 5);
  EXPECT_EQ(code_for("403 Forbidden", "permission_denied"), 5);
  EXPECT_EQ(code_for("503 Service Unavailable", "unavailable"), 1);
  EXPECT_EQ(code_for("418 Teapot", "of_the_future"), 2);
  server_.answer = [](const Received&) {
    return "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>";
  };
  EXPECT_EQ(call({"object", "get", "b", "k"}), 1);
}

TEST_F(Cli, Exits3WhereNoServerIs) {
  EXPECT_EQ(call({"--url", "http://127.0.0.1:1", "object", "get", "b", "k"}), 3);
  expect_said(err_, "start one with acloud serve");
  // A server that is there and breaks off is another matter.
  server_.answer = [](const Received&) { return "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"; };
  EXPECT_EQ(call({"object", "get", "b", "k", "--timeout", "300ms"}), 1);
  expect_said(err_, "deadline_exceeded");
}

TEST_F(Cli, Exits2OnWrongUsageWithoutACall) {
  EXPECT_EQ(call({"objct", "put"}), 2);
  expect_said(err_, "did you mean \\\"object\\\"?");
  EXPECT_EQ(call({"object", "putt"}), 2);
  expect_said(err_, "did you mean \\\"put\\\"?");
  EXPECT_EQ(call({"object", "put", "--nope", "x"}), 2);
  EXPECT_EQ(call({"--nope"}), 2);
  EXPECT_EQ(call({"object"}), 2);
  EXPECT_EQ(call({}), 2);
  EXPECT_EQ(call({"--url", "ftp://x", "object", "get"}), 2);
  EXPECT_EQ(call({"completion", "tcsh"}), 2);
  EXPECT_EQ(call({"object", "get", "b", "k", "--all"}), 2);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(server_.last().line, "");
}

TEST_F(Cli, KeepsTheCatalogAndAsksAgainForWhatIsUnknown) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(call({"object", "get", "b", "k"}), 0);
  EXPECT_EQ(server_.catalogs_sent, 1);
  // The server learns an operation, and one of its flags, that this program has never heard of.
  const auto at = server_.catalog.find(R"({"name": "get")");
  server_.catalog.insert(
      at,
      R"({"name": "brand_new", "request": {"type": "object", "properties": {"x": {"type": "integer"}}}},)");
  EXPECT_EQ(call({"object", "brand-new", "--x", "5"}), 0) << err_;
  EXPECT_EQ(server_.last().line, "POST /api/object/brand_new HTTP/1.1");
  EXPECT_EQ(server_.last().body, R"({"x":5})");
  EXPECT_EQ(server_.catalogs_sent, 2);
  const auto x = server_.catalog.find(R"("x": {)");
  server_.catalog.insert(x, R"("y": {"type": "string"},)");
  EXPECT_EQ(call({"object", "brand-new", "--y", "5"}), 0) << err_;
  EXPECT_EQ(server_.last().body, R"({"y":"5"})");
  EXPECT_EQ(call({"object", "nothing"}), 2);  // asked, not changed
  EXPECT_EQ(server_.catalogs_sent, 3);
}

TEST_F(Cli, SurvivesABrokenCache) {
  EXPECT_EQ(call({"object", "get", "b", "k"}), 0);
  for (const auto& entry : std::filesystem::directory_iterator(home_ + "/.cache/acloud")) {
    EXPECT_EQ(entry.status().permissions() & std::filesystem::perms::all, std::filesystem::perms(0600));
    std::ofstream(entry.path()) << "2026-01-01T00:00:00Z\n\"etag\"\n{broken";
  }
  EXPECT_EQ(call({"object", "get", "b", "k"}), 0) << err_;
  world_.environment["XDG_CACHE_HOME"] = "/proc/no/such";
  EXPECT_EQ(call({"object", "get", "b", "k"}), 0) << err_;
}

TEST_F(Cli, SendsAFileAsItIs) {
  const std::string bytes = std::string("\0\xff\n", 3) + std::string(300'000, 'x');
  write_file("data.bin", bytes);
  EXPECT_EQ(call({"object", "put", "b", "a key/ü", "--content-file", home_ + "/data.bin"}), 0) << err_;
  EXPECT_EQ(server_.last().line, "POST /api/object/put?bucket=b&key=a%20key%2F%C3%BC HTTP/1.1");
  EXPECT_EQ(server_.last().body, bytes);
  expect_said(server_.last().head, "Content-Type: application/octet-stream\r\nUser-Agent");
  EXPECT_EQ(call({"object", "put", "b", "k", "--content-file", home_ + "/missing"}), 2);
  EXPECT_EQ(call({"object", "put", "b", "k", "--content-file", home_}), 2);
}

TEST_F(Cli, StreamsStandardInput) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(world_.in);
  world_.in = ends[0];
  std::jthread writer([&] {
    for (int i = 0; i < 50; ++i) EXPECT_EQ(::write(ends[1], std::string(10'000, 'p').data(), 10'000), 10'000);
    ::close(ends[1]);
  });
  EXPECT_EQ(call({"object", "put", "b", "k", "--content-file", "-"}), 0) << err_;
  EXPECT_EQ(server_.last().body, std::string(500'000, 'p'));
  expect_said(server_.last().head, "Transfer-Encoding: chunked");
}

TEST_F(Cli, WritesRawBytes) {
  server_.answer = [](const Received&) {
    return "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\n" +
           std::string("\0\xff\n\n", 4);
  };
  EXPECT_EQ(call({"object", "get", "b", "k", "--output", "raw"}), 0) << err_;
  EXPECT_EQ(out_, std::string("\0\xff\n\n", 4));
  expect_said(server_.last().head, "Accept: application/octet-stream");
}

TEST_F(Cli, FollowsEveryPage) {
  server_.answer = [](const Received& received) {
    const auto cursor = OrderedJson::parse(received.body).value("cursor", "");
    if (cursor.empty())
      return ApiServer::json(R"({"items":[{"name":"a","x":1},{"name":"b"}],"next_cursor":"2"})");
    return ApiServer::json(R"({"items":[{"name":"c"}],"next_cursor":null})");
  };
  EXPECT_EQ(call({"object", "list-buckets", "--all", "--fields", "name"}), 0) << err_;
  EXPECT_EQ(out_, "{\"name\":\"a\"}\n{\"name\":\"b\"}\n{\"name\":\"c\"}\n");
  server_.answer = [](const Received&) { return ApiServer::json(R"({"items":[],"next_cursor":"same"})"); };
  EXPECT_EQ(call({"object", "list-buckets", "--all"}), 1);  // and not for ever
}

std::string events(const std::string& bytes) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n{}",
                     bytes.size(), bytes);
}

TEST_F(Cli, WritesEventsAsTheyCome) {
  server_.answer = [](const Received& received) {
    if (received.head.find("Accept: text/event-stream") == std::string::npos)
      return ApiServer::json(R"({"exit_code":0})");
    return events("event: stdout\ndata: {\"data\":\"hi\\n\"}\n\nevent: result\ndata: {\"exit_code\":0}\n\n");
  };
  EXPECT_EQ(call({"sandbox", "exec", "sbx", "ls"}), 0) << err_;
  EXPECT_EQ(out_,
            "{\"event\":\"stdout\",\"data\":{\"data\":\"hi\\n\"}}\n{\"event\":\"result\",\"data\":{\"exit_"
            "code\":0}}\n");
  EXPECT_EQ(call({"sandbox", "exec", "sbx", "ls", "--output", "json"}), 0) << err_;
  EXPECT_EQ(out_, "{\"exit_code\":0}\n");
  world_.out_is_terminal = true;
  EXPECT_EQ(call({"sandbox", "exec", "sbx", "ls"}), 0) << err_;
  EXPECT_EQ(out_, "hi\nexit_code  0\n");

  server_.answer = [](const Received&) {
    return events("event: error\ndata: {\"error\":{\"code\":\"budget_exceeded\",\"message\":\"spent\"}}\n\n");
  };
  EXPECT_EQ(call({"sandbox", "exec", "sbx", "ls"}), 5);
  server_.answer = [](const Received&) { return events("event: stdout\ndata: {}\n\n"); };
  EXPECT_EQ(call({"sandbox", "exec", "sbx", "ls"}), 1);
  expect_said(err_, "ended before its result");
}

TEST_F(Cli, ShowsProgressToWhoWatchesAlone) {
  server_.answer = [](const Received&) {
    return events(
        "event: progress\ndata: {\"bytes\":1500000,\"of\":3000000}\n\nevent: progress\ndata: "
        "{\"bytes\":3000000,\"of\":3000000}\n\nevent: result\ndata: {\"exit_code\":0}\n\n");
  };
  world_.out_is_terminal = true;
  EXPECT_EQ(call({"sandbox", "exec", "sbx", "ls"}), 0);
  EXPECT_EQ(out_, "exit_code  0\n");
  EXPECT_EQ(err_, "");
  world_.err_is_terminal = true;
  EXPECT_EQ(call({"sandbox", "exec", "sbx", "ls"}), 0);
  EXPECT_EQ(out_, "exit_code  0\n");
  EXPECT_EQ(err_,
            "\r\x1b[K[###############...............]  50%  1.5 of 3.0 MB"
            "\r\x1b[K[##############################] 100%  3.0 of 3.0 MB\n");
}

TEST_F(Cli, TakesUrlAndKeyFromItsConfiguration) {
  world_.environment.erase("ACLOUD_URL");
  world_.environment.erase("ACLOUD_API_KEY");
  write_file(".config/acloud/config.toml", fmt::format("url = \"{}\"\nkey = \"from-file\"\n", server_.url()));
  EXPECT_EQ(call({"object", "get", "b", "k"}), 0) << err_;
  expect_said(server_.last().head, "Authorization: Bearer from-file\r\n");
  // The key of the file is for the file's server alone.
  EXPECT_EQ(call({"--url", server_.url() + "/", "object", "get", "b", "k"}), 0) << err_;
  EXPECT_EQ(server_.last().head.find("Authorization"), std::string::npos);
  write_file(".config/acloud/config.toml", "url = \"http://x\"\nkee = 1\n");
  EXPECT_EQ(call({"object", "get", "b", "k"}), 2);
  expect_said(err_, "config.toml:2: \\\"kee\\\" is no setting");
}

TEST_F(Cli, StopsAtCtrlC) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  world_.interrupt = ends[0];
  server_.answer = [&](const Received&) {
    EXPECT_EQ(::write(ends[1], "!", 1), 1);
    return "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnever all";
  };
  EXPECT_EQ(call({"object", "get", "b", "k"}), 130);
  EXPECT_EQ(out_, "");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(Cli, ExplainsItself) {
  local_ = {{"serve", "Start a server.", [](std::span<const std::string>) { return 42; }},
            {"audit verify", "Check the chain.",
             [](std::span<const std::string> words) { return static_cast<int>(words.size()); }}};
  EXPECT_EQ(call({"--help"}), 0);
  for (const char* part : {"object", "sandbox", "serve", "doctor", "--idempotency-key"})
    expect_said(out_, part);
  EXPECT_EQ(call({"object", "--help"}), 0);
  expect_said(out_, "list-buckets  All buckets.");
  EXPECT_EQ(call({"object", "put", "--help"}), 0);
  expect_said(out_, "Usage: acloud object put BUCKET KEY");
  EXPECT_EQ(call({"schema", "object.put"}), 0);
  EXPECT_EQ(OrderedJson::parse(out_)["request"]["required"][0], "bucket");
  EXPECT_EQ(call({"schema", "sandbox", "create"}), 0);
  EXPECT_EQ(call({"schema"}), 2);
  EXPECT_EQ(call({"--version"}), 0);
  EXPECT_EQ(out_, "acloud 0.0.1\n");
  EXPECT_EQ(call({"serve"}), 42);
  EXPECT_EQ(call({"audit", "verify", "--data", "x"}), 2);
  EXPECT_EQ(call({"--url", "http://127.0.0.1:1", "--help"}), 0);
  expect_said(out_, "serve");
  expect_said(err_, "No products are listed");
}

TEST_F(Cli, FindsOutWhyThingsDoNotWork) {
  EXPECT_EQ(call({"doctor"}), 0) << out_;
  const OrderedJson healthy = OrderedJson::parse(out_);
  EXPECT_EQ(healthy["ok"], true);
  EXPECT_EQ(healthy["checks"].size(), 6U);
  EXPECT_EQ(server_.last().line, "POST /api/object/list_buckets HTTP/1.1");

  server_.answer = [](const Received&) {
    return ApiServer::json(R"({"error":{"code":"unauthenticated","message":"unknown key"}})",
                           "401 Unauthorized");
  };
  EXPECT_EQ(call({"doctor", "--output", "table"}), 4);
  expect_said(out_, "unknown key");
  EXPECT_EQ(call({"--url", "http://127.0.0.1:1", "doctor"}), 3);
  EXPECT_EQ(OrderedJson::parse(out_)["ok"], false);
  world_.environment.erase("ACLOUD_API_KEY");
  EXPECT_EQ(call({"doctor"}), 4);
  expect_said(out_, "ACLOUD_API_KEY");
}

}  // namespace
}  // namespace acloud::cli
