// acloud.toml and the flags of `acloud serve`. All of it is optional; an unknown key is an error that names
// the line.
#pragma once

#include <string>

#include "base/schema.h"
#include "identity/sign_up.h"
#include "mcp/server_config.h"
#include "model/guard/guard_config.h"
#include "model/model_config.h"
#include "telemetry/config.h"

namespace acloud {

struct TlsConfig {
  std::string certificate;
  std::string key;
  static constexpr auto schema =
      fields(field("certificate", &TlsConfig::certificate, "PEM file with the certificate chain.", required),
             field("key", &TlsConfig::key, "PEM file with its private key.", required));
};

struct LimitsConfig {
  ByteCount header = kibibytes(64);
  std::int64_t connections = 10'000;
  std::chrono::seconds header_time{10};
  std::chrono::seconds idle_time{75};
  std::chrono::seconds stall_time{30};
  std::chrono::seconds total_time{86'400};
  static constexpr auto schema =
      fields(field("header_bytes", &LimitsConfig::header, "A request's head at most.",
                   between(kibibytes(1), mebibytes(1))),
             field("connections", &LimitsConfig::connections, "Open at once at most.", between(1, 1'000'000)),
             field("header_time_s", &LimitsConfig::header_time, "For a request's head to arrive.",
                   between(std::chrono::seconds(1), std::chrono::hours(1))),
             field("idle_time_s", &LimitsConfig::idle_time, "Between requests on a connection.",
                   between(std::chrono::seconds(1), std::chrono::hours(24))),
             field("stall_time_s", &LimitsConfig::stall_time, "Without a byte of a body.",
                   between(std::chrono::seconds(1), std::chrono::hours(24))),
             field("total_time_s", &LimitsConfig::total_time, "For one request and its response.",
                   between(std::chrono::seconds(1), std::chrono::hours(24 * 7))));
};

struct ServerConfig {
  std::string listen = "127.0.0.1:7300";
  std::string data = "/var/lib/acloud";
  std::int64_t threads = 2;
  std::chrono::seconds drain{10};
  std::string log = "info";
  std::optional<TlsConfig> tls;
  std::vector<std::string> origins;
  LimitsConfig limits;
  static constexpr auto schema = fields(
      field("listen", &ServerConfig::listen, "host:port, [ip6]:port or unix:/path; port 0 picks a free one."),
      field("data", &ServerConfig::data, "The data folder."),
      field("threads", &ServerConfig::threads, "Event loops.", between(1, 256)),
      field("drain_s", &ServerConfig::drain, "How long running calls may go on at the end.",
            between(std::chrono::seconds(0), std::chrono::hours(1))),
      field("log", &ServerConfig::log, "debug, info, warn or error."),
      field("tls", &ServerConfig::tls, "Serve HTTPS with these files."),
      field("origins", &ServerConfig::origins,
            "Web origins, such as https://console.example, whose pages may send MCP requests, beside this "
            "machine's own.",
            length(0, 100)),
      field("limits", &ServerConfig::limits, "What a client may take."));
};

struct StoreConfig {
  std::string url = "sqlite";
  std::string seal_key;
  static constexpr auto schema = fields(
      field("url", &StoreConfig::url, "sqlite, or postgres://user:password@host:port/database."),
      field(
          "seal_key", &StoreConfig::seal_key,
          "env:NAME or file:PATH of a secret with which keys that operators give in calls are sealed in the "
          "store: the same for all servers of one. Empty: on SQLite, the data folder's own.",
          length(0, 2000)));
};

bool is_isolation(std::string_view text);

struct SandboxConfig {
  std::int64_t pool = 16;
  std::string isolation = "jail";
  static constexpr auto schema =
      fields(field("pool", &SandboxConfig::pool, "How many sandboxes' disks and namespaces are kept ready.",
                   between(0, 4096)),
             field("isolation", &SandboxConfig::isolation, "What keeps sandboxes apart.",
                   form(is_isolation,
                        R"("jail", or "oci:" and the name of an OCI runtime's program, as "oci:crun")")));
};

struct BatchConfig {
  ByteCount largest_file = mebibytes(512);
  std::int64_t lines_at_once = 16;
  std::chrono::seconds keep_ended{0};
  static constexpr auto schema =
      fields(field("largest_file_bytes", &BatchConfig::largest_file, "A file at most, whoever uploads it.",
                   between(kibibytes(1), gibibytes(16))),
             field("lines_at_once", &BatchConfig::lines_at_once,
                   "Lines of one batch that are asked at the same time.", between(1, 1024)),
             field("keep_ended_s", &BatchConfig::keep_ended,
                   "How long batches that have ended are listed; their files stay. 0: for ever.",
                   between(std::chrono::seconds(0), std::chrono::hours(24 * 3650))));
};

struct ContextCacheConfig {
  ByteCount memory = mebibytes(256);
  ByteCount disk = gibibytes(2);
  static constexpr auto schema = fields(
      field("memory_bytes", &ContextCacheConfig::memory,
            "What a model that runs here has computed of prompts, and no request needs, is put aside in "
            "memory up to so many bytes, for each model. 0: it stays in the model's own memory alone.",
            between(ByteCount{0}, gibibytes(1 << 10))),
      field("disk_bytes", &ContextCacheConfig::disk,
            "What models that run here have computed of prompts is kept in the data folder when it "
            "leaves memory, up to so many bytes. 0: nothing.",
            between(ByteCount{0}, gibibytes(1 << 20))));
};

bool is_currency(std::string_view text);

struct UsageConfig {
  std::string currency = "USD";
  static constexpr auto schema =
      fields(field("currency", &UsageConfig::currency, "What all prices and budgets are in.",
                   form(is_currency, "three capital letters, as of ISO 4217")));
};

struct FindingsConfig {
  std::chrono::seconds keep = std::chrono::hours(24 * 90);
  static constexpr auto schema =
      fields(field("keep_s", &FindingsConfig::keep, "How long what guardrails found is listed. 0: for ever.",
                   between(std::chrono::seconds(0), std::chrono::hours(24 * 3650))));
};

struct Config {
  ServerConfig server;
  StoreConfig store;
  std::vector<model::ProviderConfig> provider;
  std::vector<model::ModelConfig> model;
  std::vector<model::guard::GuardrailConfig> guardrail;
  FindingsConfig findings;
  ContextCacheConfig context_cache;
  SandboxConfig sandbox;
  std::vector<mcp::ServerConfig> mcp_server;
  identity::SignUpConfig signup;
  BatchConfig batch;
  UsageConfig usage;
  telemetry::TelemetryConfig telemetry;
  bool conformance = false;  // by a flag alone: serve the fixtures of public conformance suites
  static constexpr auto schema = fields(
      field("server", &Config::server, "The process."),
      field("store", &Config::store, "Where what is durable lives."),
      field("provider", &Config::provider, "Where models are reached.", length(0, 1000)),
      field("model", &Config::model, "What callers name.", length(0, 10'000)),
      field("guardrail", &Config::guardrail, "What may go to models and come back.", length(0, 200)),
      field("findings", &Config::findings, "What guardrails found."),
      field("context_cache", &Config::context_cache, "What is kept of prompts that were computed here."),
      field("sandbox", &Config::sandbox, "Isolated environments."),
      field("mcp_server", &Config::mcp_server, "MCP servers of others, whose tools become operations.",
            length(0, 100)),
      field("signup", &Config::signup, "Whether agents without a key may make themselves one."),
      field("batch", &Config::batch, "Files and batches."), field("usage", &Config::usage, "What is billed."),
      field("telemetry", &Config::telemetry, "Where traces and figures are sent."));
};

// `name` is the file's, for messages. Errors: invalid_argument: "acloud.toml:12: server.listen: must be ...".
Result<Config> parse_config(std::string_view toml, std::string_view name);
// Errors: as parse_config; not_found and the like where it can't be read.
Result<Config> load_config(const std::string& path);

}  // namespace acloud
