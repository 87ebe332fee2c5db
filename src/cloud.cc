#include "cloud.h"

#include <unistd.h>

#include <fstream>

#include "base/log.h"
#include "net/listen.h"
#include "settings.h"
#include "storage/database/postgres/postgres_engine.h"
#include "storage/database/sqlite/sqlite_engine.h"
#include "version.h"

namespace acloud {
namespace {

constexpr std::size_t kConnectionsOfSandbox = 128;  // to the cloud's API at once

// The schema of everything that this binary stores, oldest first.
std::vector<store::Migration> migrations() {
  std::vector<store::Migration> all;
  for (auto part :
       {kernel::Instances::migrations(), kernel::Idempotency::migrations(), kernel::Spool::migrations(),
        kernel::AuditTable::migrations(), ledger::Ledger::migrations(), identity::migrations(),
        identity::SignUpService::migrations(), storage::ObjectService::migrations(),
        storage::DatabaseService::migrations(), storage::QueueService::migrations(), task::migrations(),
        task::schedule::migrations(), task::trigger::migrations(), usage::UsageService::migrations(),
        surfaces::mcp::Mcp::migrations(), batch::migrations(), model::entries::migrations(),
        model::generation::Generations::migrations(), model::guard::FindingBook::migrations()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  double resident = 0;
  file >> pages >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Cloud::Cloud(Config config, DataFolder folder)
    : config_(std::move(config)),
      folder_(std::move(folder)),
      instance_(random_.hex(6)),
      loops_(static_cast<std::size_t>(config_.server.threads)),
      kept_states_(*disk_, clock_,
                   {.folder = folder_.path() + "/prefixes", .limit = config_.context_cache.disk}),
      model_files_(folder_.path() + "/models", copying_) {}

Task<Result<std::unique_ptr<Cloud>>> Cloud::start(Config config, DataFolder folder) {
  add_builtin_models(config);
  std::unique_ptr<Cloud> cloud(new Cloud(std::move(config), std::move(folder)));
  ACLOUD_CO_CHECK(cloud->open());
  ACLOUD_CO_CHECK(co_await cloud->instances_->start());
  ACLOUD_CO_TRY(std::string root_key, identity::root_key(cloud->folder_.path(), cloud->random_));
  ACLOUD_CO_CHECK(co_await cloud->keys_->ensure_root(std::move(root_key)));
  ACLOUD_CO_CHECK(co_await cloud->ledger_->start());
  ACLOUD_CO_CHECK(co_await cloud->routes_->follow());
  cloud->kept_states_.open(engine_models(cloud->config_));
  co_await cloud->local_models_.load(local_models(cloud->config_, cloud->model_files_));
  ACLOUD_CO_CHECK(co_await cloud->runner_->take_over());
  ACLOUD_CO_CHECK(cloud->server_->start());
  cloud->runner_->start();
  cloud->batch_runner_->start();
  cloud->outside_->start();
  if (cloud->telemetry_) cloud->telemetry_->start();
  co_return cloud;
}

Result<> Cloud::open() {
  const std::string& data = folder_.path();
  store::OpenOptions options;
  options.url = config_.store.url;
  options.data_folder = data;
  ACLOUD_TRY(database_, store::open(options, migrations()));
  ACLOUD_TRY(blobs_, store::Blobs::open(*disk_, data + "/blobs", clock_, blocking_));
  ACLOUD_TRY(spool_, kernel::Spool::open(data + "/spool", instance_));
  ACLOUD_TRY(sandboxes_, sandbox::Sandboxes::make({.records = data + "/sandboxes",
                                                   .jails = data + "/jails",
                                                   .images = data + "/images",
                                                   .pool = static_cast<unsigned>(config_.sandbox.pool),
                                                   .runtime = runtime_of(config_.sandbox.isolation),
                                                   .outside = outside_of_sandboxes()},
                                                  clock_, random_, blocking_));

  keys_ = std::make_unique<identity::Keys>(*database_, clock_, config_.signup.enabled);
  ACLOUD_TRY(open_calls_, ledger::OpenCalls::open(data + "/calls", instance_));
  audit_ = std::make_unique<kernel::AuditTable>(instance_);
  ACLOUD_TRY(std::string place, place_of(folder_, random_));
  instances_ = std::make_unique<kernel::Instances>(
      *database_, clock_, kernel::Instance{.id = instance_, .place = std::move(place)});
  idempotency_ =
      std::make_unique<kernel::Idempotency>(*database_, clock_, instance_, database_->kind() == "sqlite");
  ledger_ = std::make_unique<ledger::Ledger>(ledger::Ledger::Parts{
      .database = *database_,
      .clock = clock_,
      .calls = *open_calls_,
      .instance = instance_,
      .shared = database_->kind() != "sqlite",
      .witness = [this](store::Transaction& tx, const ledger::StoredCall& call, std::string_view outcome) {
        kernel::CallRecord record = kernel::lost_record(call);
        if (call.charges.empty()) record.started = clock_.now();
        record.outcome = outcome;
        return audit_->record_in(tx, {&record, 1});
      }});
  call_ledger_ = std::make_unique<kernel::CallLedger>(*ledger_);
  metrics_ = std::make_unique<Metrics>([this] { return sample(); });
  ACLOUD_CHECK(make_telemetry());
  ACLOUD_CHECK(declare_products());
  ACLOUD_TRY(auto guardrails, model::guard::GuardTable::make(config_.guardrail));
  models_->guard_with(std::move(guardrails));
  ACLOUD_CHECK(routes_->configure({config_.provider, config_.model}));
  metrics_->include([this] { return models_->metrics(); });
  path_ = std::make_unique<kernel::CallPath>(
      kernel::CallPath::Parts{.catalog = catalog_,
                              .identities = *keys_,
                              .authorizer = authorizer_,
                              .ledger = *call_ledger_,
                              .audit = *audit_,
                              .idempotency = *idempotency_,
                              .spool = *spool_,
                              .observer = *metrics_,
                              .database = *database_,
                              .clock = clock_,
                              .random = random_,
                              .tracer = telemetry_ ? &telemetry_->tracer() : nullptr});
  runner_ = std::make_unique<task::Runner>(task::Runner::Parts{
      .path = *path_,
      .database = *database_,
      .clock = clock_,
      .random = random_,
      .loops = loops_,
      .board = board_,
      .instance = instances_->self(),
      .exclusive = database_->kind() == "sqlite",
      .key_works = [this](std::string key) { return keys_->works(std::move(key)); },
      .when_ended = [this](store::Transaction& tx, const std::string& workspace, const std::string& task,
                           const std::string& parent, Time now) -> Result<> {
        ACLOUD_CHECK(generations_->generations().task_ended_in(tx, task));
        if (parent.empty()) return {};
        return ledger_->give_back_in(tx, {workspace, ledger::ScopeKind::task, task},
                                     {workspace, ledger::ScopeKind::task, parent}, now);
      },
      .errands = generations_->errands()});
  batch_runner_ = std::make_unique<batch::Runner>(batch::Runner::Parts{
      .run = {.path = *path_,
              .database = *database_,
              .blobs = *blobs_,
              .clock = clock_,
              .random = random_,
              .place = instances_->self().place,
              .key_works = [this](std::string key) { return keys_->works(std::move(key)); },
              .told = [](const Error& error) { return surfaces::OpenAiStyle().error(error, ""); },
              .lines_at_once = static_cast<std::size_t>(config_.batch.lines_at_once)},
      .loop = loops_.next(),
      .drain = config_.server.drain,
      .keep_ended = config_.batch.keep_ended});
  tasks_->connect(*runner_);
  schedules_->connect(*path_);
  triggers_->connect(*path_);
  rest_ = std::make_unique<surfaces::Rest>(*path_, *metrics_, clock_, random_, kVersion);
  site_ = std::make_unique<surfaces::site::Site>(
      surfaces::site::Site::Parts{.catalog = catalog_,
                                  .random = random_,
                                  .version = std::string(kVersion),
                                  .tls = config_.server.tls.has_value(),
                                  .own_url = [this] { return url(); }});
  dialects_ = std::make_unique<surfaces::DialectCalls>(
      surfaces::DialectCalls::Parts{*path_, random_, blocking_, folder_.path()});
  openai_ = std::make_unique<surfaces::OpenAi>(*dialects_,
                                               static_cast<std::uint64_t>(config_.batch.largest_file.value));
  anthropic_ = std::make_unique<surfaces::Anthropic>(*dialects_);
  e2b_ = std::make_unique<surfaces::e2b::E2b>(*path_, random_);
  ports_ = std::make_unique<surfaces::Ports>(*path_, random_);
  mcp_ = std::make_unique<surfaces::mcp::Mcp>(surfaces::mcp::Mcp::Parts{.path = *path_,
                                                                        .clock = clock_,
                                                                        .random = random_,
                                                                        .loops = loops_,
                                                                        .database = *database_,
                                                                        .instance = instance_,
                                                                        .library = site_.get(),
                                                                        .version = std::string(kVersion),
                                                                        .tls = config_.server.tls.has_value(),
                                                                        .origins = config_.server.origins,
                                                                        .conformance = config_.conformance});
  server_ = std::make_unique<net::Server>(
      loops_, server_options(config_.server), [this](net::Request& request) { return handle(request); },
      [](const Error& error) { return surfaces::to_response(error, ""); });
  return {};
}

// What sandboxes reach of the world. Asked when they run, and so when the server does.
sandbox::Outside Cloud::outside_of_sandboxes() {
  proxy_ = std::make_unique<sandbox::egress::Proxy>(
      loops_, clock_, random_,
      sandbox::egress::Proxy::Options{.server_port = [this] { return net::port_of(server_->address()); },
                                      .audit =
                                          [this](const kernel::CallRecord& record) {
                                            if (const auto kept = spool_->append(record); !kept)
                                              log::error("a connection's record is lost",
                                                         {{"error", kept.error().message()}});
                                          }});
  return {.cloud =
              [this](sandbox::jail::Fd listener, std::string id) {
                return server_->open_door(listener.release(), std::move(id), kConnectionsOfSandbox);
              },
          .proxy = proxy_.get()};
}

Result<> Cloud::declare_products() {
  objects_ = std::make_unique<storage::ObjectService>(
      *database_, *blobs_,
      [](store::Transaction& tx, const std::string& workspace, const storage::ObjectInfo& object) {
        return task::trigger::rows::object_was_put(tx, workspace,
                                                   {.bucket = object.bucket,
                                                    .key = object.key,
                                                    .etag = object.etag,
                                                    .content_type = object.content_type,
                                                    .size = object.size},
                                                   object.modified);
      });
  if (database_->kind() == "postgres") {
    sql_ = std::make_unique<storage::postgres::PostgresEngine>(
        storage::postgres::PostgresOptions{.url = config_.store.url});
  } else {
    sql_ = std::make_unique<storage::sqlite::SqliteEngine>(
        storage::sqlite::SqliteOptions{.folder = folder_.path() + "/databases"});
  }
  databases_ = std::make_unique<storage::DatabaseService>(*database_, *sql_);
  queues_ = std::make_unique<storage::QueueService>(*database_);
  make_sign_ups();
  identity_ = std::make_unique<identity::IdentityService>(
      *keys_, std::vector<identity::IdentityService::ForgetWorkspace>{
                  &storage::ObjectService::forget_workspace, &storage::DatabaseService::forget_workspace,
                  &storage::QueueService::forget_workspace, &batch::forget_workspace, &task::forget_workspace,
                  &task::schedule::forget_workspace, &task::trigger::forget_workspace,
                  &model::generation::Generations::forget_workspace,
                  [this](store::Transaction& tx, const std::string& workspace) {
                    return sign_ups_->forget_workspace(tx, workspace);
                  }});
  sandbox_ = std::make_unique<sandbox::SandboxService>(*sandboxes_, blocking_, copying_);
  identity::declare(catalog_, *identity_, *sign_ups_);
  sandbox::declare(catalog_, *sandbox_);
  storage::declare(catalog_, *objects_);
  storage::declare(catalog_, *databases_);
  storage::declare(catalog_, *queues_);
  ACLOUD_CHECK(make_routes());
  models_ = std::make_unique<model::ModelService>(
      loops_, [this](std::string_view key) { return routes_->key(key); }, &engine_,
      telemetry_ && telemetry_->keeps_content(), config_.findings.keep);
  model_file_service_ = std::make_unique<model::FileService>(model_files_);
  generations_ = std::make_unique<GenerationParts>(GenerationParts::Parts{.database = *database_,
                                                                          .clock = clock_,
                                                                          .random = random_,
                                                                          .ledger = *ledger_,
                                                                          .loops = loops_,
                                                                          .models = *models_,
                                                                          .tasks = tasks_,
                                                                          .path = path_});
  model::declare(catalog_, *models_, *model_file_service_, *routes_, generations_->generations());
  batch_files_ = std::make_unique<batch::FileService>(
      batch::FileService::Parts{.database = *database_,
                                .blobs = *blobs_,
                                .place = instances_->self().place,
                                .largest = static_cast<std::uint64_t>(config_.batch.largest_file.value)});
  batches_ = std::make_unique<batch::BatchService>([this] { batch_runner_->wake(); });
  batch::declare(catalog_, *batch_files_, *batches_);
  tasks_ = std::make_unique<task::TaskService>(board_, set_task_budget());
  task::declare(catalog_, *tasks_);
  approvals_ = std::make_unique<task::approval::ApprovalService>([this] { runner_->wake(); });
  task::approval::declare(catalog_, *approvals_);
  schedules_ = std::make_unique<task::schedule::ScheduleService>(
      *database_, clock_, random_, [this](std::string id) { return keys_->works(std::move(id)); });
  task::schedule::declare(catalog_, *schedules_);
  triggers_ = std::make_unique<task::trigger::TriggerService>(
      *database_, clock_, random_, [this](std::string id) { return keys_->works(std::move(id)); });
  task::trigger::declare(catalog_, *triggers_);
  webhooks_ = std::make_unique<task::trigger::Webhook>(*triggers_, clock_);
  usage_ = std::make_unique<usage::UsageService>(*database_, ledger_->prices(), config_.usage.currency);
  usage::declare(catalog_, *usage_);
  ACLOUD_TRY(outside_, mcp::Servers::make(config_.mcp_server, {.clock = clock_,
                                                               .random = random_,
                                                               .secret_of = model::key_of,
                                                               .version = std::string(kVersion)}));
  mcp::declare(catalog_, *outside_, [this](const std::string& product) { mcp_->changed(product); });
  metrics_->include_text([this] { return outside_->metrics(); });
  return {};
}

// Before the products, whose calls it follows.
Result<> Cloud::make_telemetry() {
  ACLOUD_TRY(telemetry_, telemetry::Telemetry::make(config_.telemetry,
                                                    {.loop = loops_.next(),
                                                     .pool = blocking_,
                                                     .clock = clock_,
                                                     .random = random_,
                                                     .instance = instance_,
                                                     .version = std::string(kVersion),
                                                     .secret_of = model::key_of,
                                                     .figures = [this] { return metrics_->collect(); }}));
  if (telemetry_) metrics_->include([this] { return telemetry_->own_figures(); });
  return {};
}

// What operators set while the cloud runs, and what it means to the parts that go by it.
Result<> Cloud::make_routes() {
  std::string secret;
  if (!config_.store.seal_key.empty()) {
    auto found = model::key_of(config_.store.seal_key);
    if (!found) return std::unexpected(std::move(found).error().within("store.seal_key"));
    secret = *std::move(found);
  } else if (database_->kind() == "sqlite") {
    ACLOUD_TRY(secret, seal_key_of(folder_, random_));
  }
  routes_ = std::make_unique<model::RouteService>(
      model::RouteService::Parts{.database = *database_,
                                 .random = random_,
                                 .seal = secret.empty() ? model::KeySeal() : model::KeySeal(secret),
                                 .serve = [this](const model::Routing& routing) -> Result<> {
                                   ACLOUD_TRY(const auto prices, configured_prices(routing.models));
                                   ACLOUD_CHECK(models_->configure(routing.providers, routing.models));
                                   ledger_->prices().set_configured(prices);
                                   ledger_->limits().set_configured(configured_limits(routing.models));
                                   return {};
                                 }});
  return {};
}

// The budget of a workspace that an agent made itself: the operator's, so that no key of it can change it.
void Cloud::make_sign_ups() {
  sign_ups_ = std::make_unique<identity::SignUpService>(
      config_.signup,
      [this](store::Transaction& tx, const std::string& workspace, const std::string& limit,
             Time now) -> Result<> {
        ACLOUD_TRY(const ledger::Money money, ledger::Money::parse(limit));
        ACLOUD_CHECK(
            ledger_->set_budget_in(tx, {.id = "bud_" + workspace,
                                        .scope = {workspace, ledger::ScopeKind::workspace, workspace},
                                        .limit = money,
                                        .period = ledger::Period::total,
                                        .by_operator = true,
                                        .created = now}));
        return {};
      },
      [this](store::Transaction& tx, const std::string& workspace) {
        return ledger_->delete_budget_in(tx, "bud_" + workspace);
      });
}

// A task's budget is one as any other, on the scope of that task.
task::TaskService::SetBudget Cloud::set_task_budget() {
  return [this](store::Transaction& tx, const std::string& workspace, const std::string& task,
                const std::string& parent, const std::optional<std::string>& limit, Time now) -> Result<> {
    if (!limit) return ledger_->share_in(tx, {workspace, ledger::ScopeKind::task, parent}, std::nullopt, now);
    ACLOUD_TRY(const ledger::Money money, ledger::Money::parse(*limit));
    if (money < ledger::Money()) return fail(ErrorCode::invalid_argument, "budget: must not be below zero");
    ACLOUD_CHECK(ledger_->share_in(tx, {workspace, ledger::ScopeKind::task, parent}, money, now));
    ACLOUD_CHECK(ledger_->set_budget_in(tx, {.id = "bud_" + task,
                                             .scope = {workspace, ledger::ScopeKind::task, task},
                                             .limit = money,
                                             .period = ledger::Period::total,
                                             .by_operator = false,
                                             .created = now}));
    return {};
  };
}

Task<net::Response> Cloud::handle(net::Request& request) {
  surfaces::Ports::read_host(request);
  if (surfaces::Ports::takes(request)) co_return co_await ports_->handle(request);
  if (surfaces::e2b::E2b::takes(request)) co_return co_await e2b_->handle(request);
  if (surfaces::Anthropic::takes(request)) co_return co_await anthropic_->handle(request);
  if (request.path().starts_with("/v1/")) co_return co_await openai_->handle(request);
  if (surfaces::site::Site::takes(request)) co_return site_->handle(request);
  if (task::trigger::Webhook::takes(request)) co_return co_await webhooks_->handle(request);
  if (mcp_->takes(request)) co_return co_await mcp_->handle(request);
  co_return co_await rest_->handle(request);
}

Result<> Cloud::reload(Config config) {
  add_builtin_models(config);
  const auto files = [](const Config& of) {
    std::vector<std::pair<std::string, std::string>> all;
    for (const model::ModelConfig& each : of.model) {
      if (each.engine) all.emplace_back(each.name, each.file);
    }
    return all;
  };
  const auto outside = [](const Config& of) {
    std::string all;
    for (const mcp::ServerConfig& each : of.mcp_server) all += encode(each);
    return all;
  };
  if (outside(config) != outside(config_)) {
    return fail(ErrorCode::invalid_argument,
                "outside MCP servers are taken at the start alone: restart the server");
  }
  if (files(config) != files(config_)) {
    return fail(ErrorCode::invalid_argument,
                "models with an engine are loaded at the start alone: restart the server");
  }
  ACLOUD_TRY(auto guardrails, model::guard::GuardTable::make(config.guardrail));
  ACLOUD_CHECK(routes_->configure({std::move(config.provider), std::move(config.model)}));
  models_->guard_with(std::move(guardrails));
  return {};
}

std::string Cloud::url() const {
  const std::string address = server_->address();
  if (address.starts_with("unix:")) return address;
  return (config_.server.tls ? "https://" : "http://") + address;
}

std::vector<surfaces::Metrics::Gauge> Cloud::sample() const {
  const net::Server::Stats http = server_->stats();
  const store::Database::Stats store = database_->stats();
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  return {{"acloud_http_connections", "Open connections.", number(http.connections_open)},
          {"acloud_http_requests_active", "Requests being handled.", number(http.requests_active)},
          {"acloud_store_writes", "Writes since the start.", number(store.writes)},
          {"acloud_store_commits", "Commits since the start; writes share them.", number(store.commits)},
          {"acloud_store_write_queue", "Writes that wait for the writer.", number(store.write_queue)},
          {"acloud_tasks_running", "Tasks that are being done.", number(runner_->running())},
          {"acloud_queue_receivers_waiting", "Receives that wait for a message.", number(queues_->waiting())},
          {"acloud_sandboxes", "Sandboxes that live, paused ones too.", number(sandboxes_->size())},
          {"process_resident_memory_bytes", "Resident memory.", resident_bytes()}};
}

Task<Result<>> Cloud::stop() {
  rest_->set_draining();
  mcp_->set_draining();
  co_await async::run_blocking(blocking_, [this] {
    server_->drain(config_.server.drain);
    mcp_->stop();
    proxy_->drain(std::chrono::milliseconds(0));
    batch_runner_->stop();
    runner_->stop();
    outside_->stop();
    if (telemetry_) telemetry_->stop();
  });
  ACLOUD_CO_CHECK(co_await drain_spool());
  co_return co_await instances_->end();
}

}  // namespace acloud
