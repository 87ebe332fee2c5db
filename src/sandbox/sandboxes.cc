#include "sandbox/sandboxes.h"

#include "base/log.h"
#include "sandbox/command.h"

namespace acloud::sandbox {
namespace {

constexpr std::chrono::seconds kPatience{
    20};  // for what takes milliseconds on a machine that is not overwhelmed

constexpr std::chrono::seconds kTendEvery{1};
constexpr unsigned kTurnsBetween = 10;  // before it is asked again which tasks are elsewhere

async::Deadline soon() { return async::Deadline::after(kPatience); }

void log_failure(std::string_view what, const std::string& id, const Error& error) {
  log::warn(what, {{"id", id}, {"error", error.message()}});
}

jail::Limits to_limits(const SandboxLimits& limits) {
  return {.memory_bytes = static_cast<std::uint64_t>(limits.memory.value),
          .cpus = limits.cpus,
          .processes = static_cast<unsigned>(limits.processes),
          .open_files = static_cast<unsigned>(limits.open_files),
          .disk_bytes = static_cast<std::uint64_t>(limits.disk.value),
          .disk_inodes = static_cast<std::uint64_t>(limits.disk_inodes)};
}

}  // namespace

Result<std::unique_ptr<Sandboxes>> Sandboxes::make(Options options, Clock& clock, Random& random,
                                                   async::BlockingPool& blocking) {
  ACLOUD_TRY(RecordFolder records, RecordFolder::open(options.records));
  return std::unique_ptr<Sandboxes>(
      new Sandboxes(std::move(records), std::move(options), clock, random, blocking));
}

Task<> Sandboxes::run(Missing missing, Abandoned abandoned) {
  loop_ = async::EventLoop::current();
  co_await open_with_patience();
  opened_.open();
  // Containers are not made ahead.
  if (problem_.empty() && options_.pool > 0 && options_.runtime.empty()) watchers_.spawn(zygotes_.keep());
  for (unsigned turn = 0; co_await async::sleep_for(kTendEvery); ++turn) {
    co_await tend(missing);
    if (turn % kTurnsBetween == 0) co_await end_abandoned(abandoned);
  }
  stopping_ = true;
  if (importer_) importer_->stop();
  watchers_.cancel();
  co_await watchers_.join();
  co_await zygotes_.end().shielded();
}

Sandboxes::~Sandboxes() { records_.close(); }

Task<> Sandboxes::open_with_patience() {
  using namespace std::chrono_literals;
  for (const auto pause : {200ms, 1000ms, 0ms}) {
    const auto started = co_await open();
    problem_ = started ? "" : started.error().message();
    if (started) co_return;
    log::warn("there are no sandboxes here", {{"problem", problem_}, {"tried_again", pause > 0ms}});
    if (pause > 0ms && !co_await async::sleep_for(pause)) co_return;
  }
}

Task<Result<>> Sandboxes::open() {
  importer_.reset();
  images_.reset();
  auto host = co_await async::run_blocking(blocking_, [this] {
    host_.reset();
    return jail::Host::start(
        {.folder = options_.jails, .prepared = options_.pool, .runtime = options_.runtime});
  });
  if (!host) co_return std::unexpected(std::move(host).error());
  host_ = *std::move(host);
  ACLOUD_CO_CHECK(note_report());
  ACLOUD_CO_CHECK(co_await try_runtime());
  ACLOUD_CO_TRY(images_, co_await async::run_blocking(
                             blocking_, [this] { return images::Images::open(options_.images, random_); }));
  importer_ = std::make_unique<images::Importer>(images_->layers(), random_, host_->report().privileged);
  ACLOUD_CO_CHECK(co_await recover());
  // Only now is it known which layers sandboxes stand on.
  co_await async::run_blocking(blocking_, [this] { images_->layers().sweep(); });
  co_return Result<>();
}

Result<> Sandboxes::note_report() {
  const jail::Report& report = host_->report();
  not_enforced_.clear();
  for (const jail::Feature& feature : report.features) {
    if (!feature.enforced) not_enforced_.push_back(feature.name + ": " + feature.how);
  }
  if (report.available) return {};
  return fail(ErrorCode::unavailable, "{}", report.problem.empty() ? "no jail can be made" : report.problem);
}

// That a runtime is there says little: whether it can make a container on this machine shows when it does.
Task<Result<>> Sandboxes::try_runtime() {
  if (options_.runtime.empty()) co_return Result<>();
  constexpr std::string_view kTrial = "trial";
  ACLOUD_CO_CHECK(co_await host_->destroy(std::string(kTrial), soon()));  // a killed server's
  jail::Spec spec{.id = std::string(kTrial), .image = {}, .limits = {}, .binds = {}};
  ACLOUD_CO_CHECK(co_await host_->create(std::move(spec), soon()));
  co_return co_await host_->destroy(std::string(kTrial), soon());
}

Task<Result<>> Sandboxes::available() {
  ACLOUD_CO_CHECK(co_await opened_.wait(soon()));
  if (problem_.empty()) co_return Result<>();
  co_return fail(ErrorCode::unavailable, "this server can't run sandboxes: {}", problem_);
}

bool Sandboxes::can_pause() const { return host_ && host_->report().enforces("freeze"); }

Task<Result<>> Sandboxes::recover() {
  ACLOUD_CO_TRY(auto records, records_.load());
  ACLOUD_CO_TRY(const std::vector<std::string> jails, host_->survivors());
  std::size_t kept = 0;
  for (const std::string& id : jails) {
    const auto record = records.find(id);
    Result<> adopted = fail(ErrorCode::not_found, "it has no record");
    if (record != records.end()) adopted = co_await adopt(record->second);
    if (adopted) {
      records.erase(record);
      ++kept;
      continue;
    }
    // It may be well: descriptors may have run out, or the machine may be busy.
    if (const ErrorCode code = adopted.error().code();
        code == ErrorCode::unavailable || code == ErrorCode::deadline_exceeded) {
      log_failure("a sandbox of an earlier server waits for the next start", id, adopted.error());
      records.erase(id);
      continue;
    }
    log_failure("a sandbox of an earlier server is removed", id, adopted.error());
    if (const auto gone = co_await host_->destroy(id, soon()); !gone)
      log_failure("it could not be", id, gone.error());
  }
  for (const auto& [id, record] : records) records_.remove(id);
  if (kept > 0) log::info("sandboxes were found again", {{"kept", kept}});
  co_return Result<>();
}

Task<Result<>> Sandboxes::adopt(Record record) {
  ACLOUD_CO_TRY(auto jail, co_await host_->attach(record.id, soon()));
  images::Layers::Held layers = images_->layers().hold(record.layers);
  if (!layers) co_return fail(ErrorCode::not_found, "its image is gone");
  auto sandbox = std::make_shared<Sandbox>(std::move(record), std::move(jail), std::move(layers), shared());
  sandbox->take_over();
  if (const auto opened = co_await sandbox->open_gates(soon()); !opened)
    log_failure("a sandbox's way out stays shut", sandbox->id(), opened.error());
  add(std::move(sandbox));
  co_return Result<>();
}

void Sandboxes::add(std::shared_ptr<Sandbox> sandbox) {
  const std::lock_guard lock(mutex_);
  unwatched_.push_back(sandbox);
  Name name(sandbox->workspace(), sandbox->id());
  index_.emplace(std::move(name), std::move(sandbox));
}

Task<Result<std::shared_ptr<Sandbox>>> Sandboxes::create(Record record, images::Layers::Held layers) {
  ACLOUD_CO_CHECK(co_await available());
  std::unique_ptr<code::Interpreter> python;
  std::unique_ptr<jail::Jail> jail;
  if (auto zygote = take_zygote(record)) {
    jail = std::move(zygote->jail);
    python = std::move(zygote->python);
    record.id = jail->id();
  } else {
    ACLOUD_CO_TRY(jail, co_await make_jail(record));
  }
  zygotes_.note_sandbox();
  if (const auto written = co_await write_record(record); !written) {
    (void)co_await host_->destroy(record.id, soon()).shielded();  // what stays, the next start removes
    co_return std::unexpected(written.error());
  }
  auto sandbox = std::make_shared<Sandbox>(std::move(record), std::move(jail), std::move(layers), shared());
  if (const auto opened = co_await sandbox->open_gates(soon()).shielded(); !opened) {
    (void)co_await host_->destroy(sandbox->id(), soon()).shielded();
    co_await remove_record(sandbox->id());
    co_return std::unexpected(opened.error());
  }
  sandbox->contexts().give_spare(std::move(python));
  add(sandbox);
  co_return sandbox;
}

// Off the loop where it is on a disk: even what is not synced waits while the journal is written.
Task<Result<>> Sandboxes::write_record(const Record& record) {
  if (records_.in_memory(record.id)) co_return records_.write(record);
  co_return co_await async::run_blocking(blocking_, [&] { return records_.write(record); });
}

Task<> Sandboxes::remove_record(const std::string& id) {
  if (records_.in_memory(id)) {
    records_.remove(id);
  } else {
    co_await async::run_blocking(blocking_, [&] { records_.remove(id); });
  }
}

Task<Result<std::unique_ptr<jail::Jail>>> Sandboxes::make_jail(Record& record) {
  record.id = "sbx_" + random_.hex(10);
  jail::Spec spec{.id = record.id, .limits = to_limits(record.limits)};
  spec.image.host_usr = record.host_usr;
  for (const std::string& id : record.layers) spec.image.layers.push_back(images_->layers().path(id));
  co_return co_await host_->create(std::move(spec), soon());
}

std::optional<code::Zygote> Sandboxes::take_zygote(const Record& record) {
  const bool usual = record.layers.empty() && record.host_usr &&
                     to_limits(record.limits) == to_limits(SandboxLimits{}) &&
                     base_command(record, {}, std::string(kHome)).env == plain_environment();
  return usual ? zygotes_.take() : std::nullopt;
}

// It has no record until somebody gets it, so that a later server removes what is left of it.
Task<Result<code::Zygote>> Sandboxes::make_zygote() {
  Record record;
  ACLOUD_CO_TRY(auto jail, co_await make_jail(record));
  auto python = co_await code::Interpreter::start(
      *jail, Language::python, base_command(record, {}, std::string(kHome)), random_.hex(16), soon());
  if (python) co_return code::Zygote{std::move(jail), *std::move(python)};
  co_await end_zygote(record.id).shielded();
  co_return std::unexpected(std::move(python).error());
}

Task<> Sandboxes::end_zygote(std::string id) {
  if (const auto gone = co_await host_->destroy(id, soon()); !gone)
    log_failure("what was made ahead is not cleared away", id, gone.error());
}

std::shared_ptr<Sandbox> Sandboxes::made_by(const std::string& workspace, const std::string& once) const {
  if (once.empty()) return nullptr;
  const std::lock_guard lock(mutex_);
  for (auto at = index_.lower_bound({workspace, ""}); at != index_.end() && at->first.first == workspace;
       ++at) {
    if (at->second->once() == once && !at->second->ending()) return at->second;
  }
  return nullptr;
}

Task<Result<std::shared_ptr<Sandbox>>> Sandboxes::find(std::string workspace, std::string id) {
  ACLOUD_CO_CHECK(co_await available());
  {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find({workspace, id});
    if (found != index_.end() && !found->second->ending()) co_return found->second;
  }
  co_return fail(ErrorCode::not_found, "no sandbox {}; sandbox.list shows those that live", id);
}

std::vector<std::shared_ptr<Sandbox>> Sandboxes::after(const std::string& workspace, const std::string& id,
                                                       std::size_t most) const {
  std::vector<std::shared_ptr<Sandbox>> found;
  const std::lock_guard lock(mutex_);
  for (auto at = index_.upper_bound({workspace, id}); at != index_.end() && at->first.first == workspace;
       ++at) {
    if (found.size() == most) break;
    if (!at->second->ending()) found.push_back(at->second);
  }
  return found;
}

Task<Result<>> Sandboxes::kill(std::shared_ptr<Sandbox> sandbox) {
  if (!sandbox->claim_end()) co_return fail(ErrorCode::not_found, "sandbox {} has just ended", sandbox->id());
  auto destroyed = co_await host_->destroy(sandbox->id(), soon()).shielded();
  if (!destroyed) {
    sandbox->give_back_end();
    co_return destroyed;
  }
  co_await remove_record(sandbox->id());
  const std::lock_guard lock(mutex_);
  index_.erase({sandbox->workspace(), sandbox->id()});
  co_return destroyed;
}

std::size_t Sandboxes::size() const {
  const std::lock_guard lock(mutex_);
  return index_.size();
}

Sandbox::Shared Sandboxes::shared() {
  auto look_after = [this](std::shared_ptr<Program> program) {
    loop_->post([this, program = std::move(program)]() mutable {
      if (stopping_) {
        program->leave();
      } else {
        watchers_.spawn(Program::run(std::move(program), clock_));
      }
    });
  };
  return {records_, options_.outside, clock_, std::move(look_after)};
}

Task<> Sandboxes::watch(std::shared_ptr<Sandbox> sandbox) {
  if (!co_await sandbox->ended() || sandbox->ending()) co_return;
  log::warn("a sandbox has ended by itself", {{"id", sandbox->id()}});
  if (const auto killed = co_await kill(sandbox); !killed)
    log_failure("and is not cleared away", sandbox->id(), killed.error());
}

std::vector<std::shared_ptr<Sandbox>> Sandboxes::all() const {
  std::vector<std::shared_ptr<Sandbox>> all;
  const std::lock_guard lock(mutex_);
  all.reserve(index_.size());
  for (const auto& [name, sandbox] : index_) all.push_back(sandbox);
  return all;
}

Task<> Sandboxes::tend(const Missing& missing) {
  std::vector<std::shared_ptr<Sandbox>> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh.swap(unwatched_);
  }
  for (auto& sandbox : fresh) watchers_.spawn(watch(std::move(sandbox)));
  zygotes_.look();
  const auto sandboxes = all();
  // Asked of the store rather than told by whoever deletes one: that may be another server, or be undone.
  std::set<std::string> workspaces;
  if (images_) workspaces = images_->workspaces();
  for (const auto& sandbox : sandboxes) workspaces.insert(sandbox->workspace());
  std::set<std::string> gone;
  if (!workspaces.empty()) gone = (co_await missing(std::move(workspaces))).value_or(std::set<std::string>());
  for (const auto& sandbox : sandboxes) co_await tend_one(sandbox, gone.contains(sandbox->workspace()));
  if (images_) co_await tend_images(std::move(gone));
}

Task<> Sandboxes::end_abandoned(const Abandoned& abandoned) {
  const auto sandboxes = all();
  std::set<Name> tasks;
  for (const auto& sandbox : sandboxes) {
    if (!sandbox->task().empty()) tasks.emplace(sandbox->workspace(), sandbox->task());
  }
  if (tasks.empty()) co_return;
  const auto gone = (co_await abandoned(std::move(tasks))).value_or(std::set<Name>());
  for (const auto& sandbox : sandboxes)
    co_await tend_one(sandbox, gone.contains({sandbox->workspace(), sandbox->task()}));
}

Task<> Sandboxes::tend_images(std::set<std::string> gone) {
  if (gone.empty() && !images_->layers().wants_sweep()) co_return;
  co_await async::run_blocking(blocking_, [this, &gone] {
    for (const std::string& workspace : gone) images_->forget(workspace);
    images_->layers().sweep();
  });
}

Task<> Sandboxes::tend_one(std::shared_ptr<Sandbox> sandbox, bool forgotten) {
  const Next next = forgotten ? Next::end : next_step(sandbox->life(can_pause()), clock_.now());
  if (next == Next::keep || sandbox->ending()) co_return;
  const Result<> done = next == Next::end ? co_await kill(sandbox) : co_await sandbox->pause_idle(soon());
  if (done || done.error().code() == ErrorCode::not_found || done.error().code() == ErrorCode::cancelled)
    co_return;
  log_failure(next == Next::end ? "a sandbox was not ended" : "a sandbox was not paused", sandbox->id(),
              done.error());
}

}  // namespace acloud::sandbox
