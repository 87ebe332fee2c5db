#include "cli/doctor.h"

#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>

#include "cli/arguments.h"

namespace acloud::cli {
namespace {

using Status = Check::Status;
constexpr std::chrono::seconds kSkew{30};

// The Date field of HTTP (RFC 9110, section 5.6.7), in the one form that servers send today.
std::optional<Time> parse_http_date(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return Time(std::chrono::seconds(::timegm(&parts)));
}

// An operation that anyone with a key may try: it changes nothing and needs no field.
const Operation* harmless(const Catalog& catalog) {
  for (const Product& product : catalog.products) {
    for (const Operation& operation : product.operations) {
      if (operation.effect == "read" && !operation.streams && positional_fields(operation).empty())
        return &operation;
    }
  }
  return nullptr;
}

class Doctor {
 public:
  Doctor(Server& server, CatalogCache& cache, const World& world)
      : server_(server), cache_(cache), world_(world) {}

  Task<Diagnosis> run() {
    check_configuration();
    check_cache();
    co_await check_server();
    co_await check_catalog();
    check_clock();
    co_await check_key();
    co_await check_sandboxes();
    co_await check_mcp_servers();
    co_return std::move(diagnosis_);
  }

 private:
  void add(Check check, int exit_code = 1) {
    if (check.status == Status::failed && diagnosis_.exit_code != 3) {
      diagnosis_.exit_code = diagnosis_.exit_code == 4 ? 4 : exit_code;
    }
    diagnosis_.checks.push_back(std::move(check));
  }

  void check_configuration() {
    const std::string path = configuration_path(world_);
    struct stat status{};
    if (path.empty() || ::stat(path.c_str(), &status) != 0) {
      add({"configuration", Status::ok, fmt::format("no file at {}; none is needed", path), ""});
    } else if ((status.st_mode & 077) != 0) {
      add({"configuration", Status::warning,
           fmt::format("{} may be read by others, and can hold a key", path),
           fmt::format("chmod 600 {}", path)});
    } else {
      add({"configuration", Status::ok, path, ""});
    }
  }

  void check_cache() {
    const std::string path = cache_.path(server_.settings().url);
    const std::string folder = std::filesystem::path(path).parent_path();
    std::error_code failed;
    if (!path.empty()) std::filesystem::create_directories(folder, failed);
    if (path.empty() || failed || ::access(folder.c_str(), W_OK) != 0) {
      add({"cache", Status::warning,
           fmt::format("\"{}\" can't be written, so every command asks the server", folder),
           "set XDG_CACHE_HOME to a folder of yours"});
    } else {
      add({"cache", Status::ok, folder, ""});
    }
  }

  Task<> check_server() {
    const Settings& settings = server_.settings();
    const Instant start = world_.clock->instant();
    auto response = co_await server_.get("/readyz", {});
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(world_.clock->instant() - start);
    const std::string which = fmt::format("{} (from {})", settings.url, settings.url_from);
    if (!response) {
      add({"server", Status::failed, fmt::format("{}: {}", which, response.error().error.message()),
           "start one with acloud serve, or name another with --url or ACLOUD_URL"},
          response.error().unreachable ? 3 : 1);
      co_return;
    }
    reachable_ = true;
    date_ = parse_http_date(std::string(response->headers.value("date")));
    (void)co_await response->body.read_all(1 << 20);
    if (response->status == 200) {
      add({"server", Status::ok, fmt::format("{} answers in {} ms", which, took.count()), ""});
    } else {
      add({"server", Status::failed, fmt::format("{} answers {} to /readyz", which, response->status),
           "its log says what it waits for"});
    }
  }

  Task<> check_catalog() {
    if (!reachable_) {
      add({"versions", Status::skipped, "no server", ""});
      co_return;
    }
    auto catalog = co_await cache_.get(server_, CatalogCache::Need::newest);
    if (!catalog) {
      add({"versions", Status::failed, catalog.error().error.message(), "is it an acloud server?"});
      co_return;
    }
    catalog_ = std::move(*catalog);
    const bool same = catalog_->version == world_.version;
    add({"versions", same ? Status::ok : Status::warning,
         fmt::format("server {}, this program {}", catalog_->version, world_.version),
         same ? "" : "calls work across versions; the older one lacks what is newer"});
  }

  void check_clock() {
    if (!date_) {
      add({"clock", Status::skipped, reachable_ ? "the server sends no Date" : "no server", ""});
      return;
    }
    const auto skew =
        std::chrono::abs(std::chrono::duration_cast<std::chrono::seconds>(world_.clock->now() - *date_));
    add({"clock", skew <= kSkew ? Status::ok : Status::warning,
         fmt::format("{} s from the server's", skew.count()),
         skew <= kSkew ? "" : "set this machine's clock: signatures and expiry depend on it"});
  }

  Task<> check_key() {
    const Settings& settings = server_.settings();
    if (settings.key.empty()) {
      add({"key", Status::failed, "there is none",
           "set ACLOUD_API_KEY, give --key, or put key = \"...\" into " + configuration_path(world_)},
          4);
      co_return;
    }
    const Operation* operation = catalog_ ? harmless(*catalog_) : nullptr;
    if (!operation) {
      add({"key", Status::skipped,
           fmt::format("from {}; there is no operation to try it with", settings.key_from), ""});
      co_return;
    }
    const std::string path = fmt::format("/api/{}/{}", operation->product, operation->name);
    const auto tried = co_await server_.post(path, {{"Content-Type", "application/json"}}, net::Body("{}"));
    if (tried) {
      add({"key", Status::ok, fmt::format("from {}; {} answers", settings.key_from, operation->full_name()),
           ""});
    } else if (const Error& error = tried.error().error; error.code() == ErrorCode::unauthenticated) {
      add({"key", Status::failed, fmt::format("from {}: {}", settings.key_from, error.message()),
           "make another with acloud key create"},
          4);
    } else if (error.code() == ErrorCode::permission_denied) {
      add({"key", Status::ok,
           fmt::format("from {}; it may not call {}", settings.key_from, operation->full_name()), ""});
    } else {
      add({"key", Status::warning, fmt::format("{}: {}", operation->full_name(), error.message()), ""});
    }
  }

  // What the server's kernel and privileges can't enforce, as the server itself has found out.
  Task<> check_sandboxes() {
    const Product* product = catalog_ ? catalog_->find("sandbox") : nullptr;
    if (product == nullptr || product->find("isolation") == nullptr) co_return;
    auto answer = co_await server_.post("/api/sandbox/isolation", {{"Content-Type", "application/json"}},
                                        net::Body("{}"));
    if (!answer) {
      add({"sandboxes", Status::skipped, answer.error().error.message(), ""});
      co_return;
    }
    auto text = co_await answer->body.read_all(1 << 20);
    const auto found = text ? parse_json(*text) : Result<Json>(std::unexpected(text.error()));
    if (!found || !found->is_object()) {
      add({"sandboxes", Status::warning, "the server gives no account of them", ""});
      co_return;
    }
    if (!found->value("available", false)) {
      add({"sandboxes", Status::warning, "none can be made: " + found->value("problem", ""), ""});
      co_return;
    }
    const std::string kind = found->value("kind", "");
    std::string lacking;
    for (const Json& feature : found->value("features", Json::array())) {
      if (feature.value("enforced", false)) continue;
      lacking += fmt::format("{}{} ({})", lacking.empty() ? "" : "; ", feature.value("name", ""),
                             feature.value("how", ""));
    }
    if (lacking.empty()) {
      add({"sandboxes", Status::ok, fmt::format("{}: every limit and wall is enforced", kind), ""});
    } else {
      add({"sandboxes", Status::warning, fmt::format("{}: not enforced: {}", kind, lacking),
           "docs/security.md says what that means"});
    }
  }

  // Outside servers whose tools are operations; only operators are told of them.
  Task<> check_mcp_servers() {
    const Product* product = catalog_ ? catalog_->find("mcp_server") : nullptr;
    if (product == nullptr || product->find("list") == nullptr) co_return;
    auto answer = co_await server_.post("/api/mcp_server/list", {{"Content-Type", "application/json"}},
                                        net::Body("{}"));
    if (!answer) co_return;
    const auto text = co_await answer->body.read_all(4 << 20);
    const auto found = text ? parse_json(*text) : Result<Json>(std::unexpected(text.error()));
    const Json servers = found && found->is_object() ? found->value("items", Json::array()) : Json::array();
    std::string failing;
    for (const Json& server : servers) {
      if (server.value("state", "") == "connected") continue;
      failing += fmt::format("{}{} ({})", failing.empty() ? "" : "; ", server.value("name", ""),
                             server.value("reason", server.value("state", "")));
    }
    if (servers.empty()) co_return;
    if (failing.empty()) {
      add({"mcp servers", Status::ok, fmt::format("{} connected", servers.size()), ""});
    } else {
      add({"mcp servers", Status::warning, "not connected: " + failing,
           "see [[mcp_server]] in the server's configuration; each is tried again by itself"});
    }
  }

  Server& server_;
  CatalogCache& cache_;
  const World& world_;
  Diagnosis diagnosis_;
  bool reachable_ = false;
  std::optional<Time> date_;
  std::optional<Catalog> catalog_;
};

std::string_view name_of(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::warning:
      return "warning";
    case Status::failed:
      return "failed";
    case Status::skipped:
      return "skipped";
  }
  return "";
}

}  // namespace

Task<Diagnosis> diagnose(Server& server, CatalogCache& cache, const World& world) {
  Doctor doctor(server, cache, world);
  co_return co_await doctor.run();
}

OrderedJson to_json(const Diagnosis& diagnosis) {
  OrderedJson checks = OrderedJson::array();
  for (const Check& check : diagnosis.checks) {
    OrderedJson one{{"check", check.name}, {"status", name_of(check.status)}, {"detail", check.detail}};
    one["advice"] = check.advice;
    checks.push_back(std::move(one));
  }
  return {{"ok", diagnosis.exit_code == 0}, {"checks", std::move(checks)}};
}

}  // namespace acloud::cli
