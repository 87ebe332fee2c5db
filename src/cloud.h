// What the cloud is made of: every part, wired. The order of the members is the order of the floors.
#pragma once

#include <memory>
#include <string>

#include "batch/product.h"
#include "batch/runner.h"
#include "config.h"
#include "data_folder.h"
#include "generations.h"
#include "identity/product.h"
#include "inference/endpoint/builtin_encoder.h"
#include "inference/endpoint/builtin_model.h"
#include "inference/endpoint/local_models.h"
#include "kernel/idempotency.h"
#include "kernel/instances.h"
#include "kernel/records.h"
#include "kernel/spool.h"
#include "mcp/product.h"
#include "model/product.h"
#include "net/server.h"
#include "sandbox/product.h"
#include "storage/database/product.h"
#include "storage/object/product.h"
#include "storage/queue/product.h"
#include "surfaces/anthropic/anthropic.h"
#include "surfaces/e2b/e2b.h"
#include "surfaces/mcp/mcp.h"
#include "surfaces/openai/openai.h"
#include "surfaces/ports/ports.h"
#include "surfaces/rest/rest.h"
#include "surfaces/site/site.h"
#include "task/approval/product.h"
#include "task/product.h"
#include "task/schedule/product.h"
#include "task/trigger/product.h"
#include "task/trigger/webhook.h"
#include "telemetry/telemetry.h"
#include "usage/product.h"

namespace acloud {

class Cloud {
 public:
  // Opens the store, declares the products and listens. To be awaited on the main thread's loop.
  // Errors: whatever a part says.
  static Task<Result<std::unique_ptr<Cloud>>> start(Config config, DataFolder folder);

  // "http://127.0.0.1:7300", as bound.
  std::string url() const;
  // Takes the providers and models of `config` in place of those that are there. Errors: invalid_argument;
  // nothing is changed then.
  Result<> reload(Config config);
  // What has to be done now and then, until it is cancelled.
  Task<> maintain();
  // Lets running calls finish, brings everything to disk.
  Task<Result<>> stop();

 private:
  using Metrics = surfaces::Metrics;

  Cloud(Config config, DataFolder folder);
  Result<> open();
  Task<Result<>> drain_spool();
  Task<> run_schedules();
  Task<> keep_lease();
  Task<> run_triggers();
  Task<Result<std::set<sandbox::Sandboxes::Name>>> tasks_elsewhere(std::set<sandbox::Sandboxes::Name> tasks);
  sandbox::Outside outside_of_sandboxes();
  Result<> declare_products();
  void make_sign_ups();
  Result<> make_telemetry();
  Result<> make_routes();
  task::TaskService::SetBudget set_task_budget();
  Task<net::Response> handle(net::Request& request);
  std::vector<Metrics::Gauge> sample() const;

  Config config_;
  DataFolder folder_;
  SystemClock clock_;
  SystemRandom random_;
  std::string instance_;

  async::LoopThreads loops_;
  async::BlockingPool blocking_{"acloud-io", 4};
  async::BlockingPool copying_{"acloud-copy", 2};       // trees of files, which may take minutes each
  async::BlockingPool models_pool_{"acloud-model", 2};  // loads models, and prepares what they are asked
  std::unique_ptr<store::Disk> disk_ = store::system_disk();
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<store::Blobs> blobs_;

  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<telemetry::Telemetry> telemetry_;  // null where no collector is named

  kernel::Catalog catalog_;
  std::unique_ptr<identity::Keys> keys_;
  kernel::GrantAuthorizer authorizer_{clock_};
  std::unique_ptr<ledger::OpenCalls> open_calls_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<kernel::CallLedger> call_ledger_;
  std::unique_ptr<kernel::AuditTable> audit_;
  std::unique_ptr<kernel::Instances> instances_;
  std::unique_ptr<kernel::Idempotency> idempotency_;
  std::unique_ptr<kernel::Spool> spool_;
  std::unique_ptr<kernel::CallPath> path_;

  std::unique_ptr<identity::SignUpService> sign_ups_;
  std::unique_ptr<identity::IdentityService> identity_;
  std::unique_ptr<sandbox::egress::Proxy> proxy_;
  std::unique_ptr<sandbox::Sandboxes> sandboxes_;
  std::unique_ptr<sandbox::SandboxService> sandbox_;
  std::unique_ptr<storage::ObjectService> objects_;
  std::unique_ptr<storage::SqlEngine> sql_;
  std::unique_ptr<storage::DatabaseService> databases_;
  std::unique_ptr<storage::QueueService> queues_;
  inference::KeptStates kept_states_;
  inference::LocalModels local_models_{models_pool_, random_, &kept_states_, config_.context_cache.memory};
  inference::Endpoint engine_{local_models_, clock_, random_};
  inference::ModelFiles model_files_;
  std::unique_ptr<model::FileService> model_file_service_;
  std::unique_ptr<model::RouteService> routes_;
  std::unique_ptr<model::ModelService> models_;
  std::unique_ptr<GenerationParts> generations_;
  std::unique_ptr<batch::FileService> batch_files_;
  std::unique_ptr<batch::BatchService> batches_;
  std::unique_ptr<batch::Runner> batch_runner_;
  std::unique_ptr<usage::UsageService> usage_;
  task::Board board_;
  std::unique_ptr<task::TaskService> tasks_;
  std::unique_ptr<task::approval::ApprovalService> approvals_;
  std::unique_ptr<task::schedule::ScheduleService> schedules_;
  std::unique_ptr<task::trigger::TriggerService> triggers_;
  std::unique_ptr<task::trigger::Webhook> webhooks_;
  std::unique_ptr<task::Runner> runner_;
  std::unique_ptr<mcp::Servers> outside_;

  std::unique_ptr<surfaces::Rest> rest_;
  std::unique_ptr<surfaces::site::Site> site_;
  std::unique_ptr<surfaces::DialectCalls> dialects_;
  std::unique_ptr<surfaces::OpenAi> openai_;
  std::unique_ptr<surfaces::Anthropic> anthropic_;
  std::unique_ptr<surfaces::e2b::E2b> e2b_;
  std::unique_ptr<surfaces::Ports> ports_;
  std::unique_ptr<surfaces::mcp::Mcp> mcp_;
  std::unique_ptr<net::Server> server_;
};

}  // namespace acloud
