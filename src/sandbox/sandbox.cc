#include "sandbox/sandbox.h"

#include <algorithm>
#include <csignal>

#include "base/log.h"

namespace acloud::sandbox {

Sandbox::Sandbox(Record record, std::unique_ptr<jail::Jail> jail, images::Layers::Held layers, Shared shared)
    : id_(record.id),
      workspace_(record.workspace),
      once_(record.once),
      task_(record.task),
      layers_(std::move(layers)),
      jail_(std::move(jail)),
      records_(shared.records),
      clock_(shared.clock),
      look_after_(std::move(shared.look_after)),
      gates_(shared.outside, record.workspace),
      record_(std::move(record)),
      idle_since_(shared.clock.instant()) {}

Sandbox::~Sandbox() {
  for (const auto& [pid, program] : programs_) {
    if (!program->label().once.empty()) program->leave();
  }
}

Record Sandbox::record() const {
  const std::lock_guard lock(mutex_);
  return record_;
}

Life Sandbox::life(bool can_pause) const {
  const std::lock_guard lock(mutex_);
  return {.paused = record_.paused,
          .in_use = users_ > 0,
          .can_pause = can_pause,
          .idle = clock_.instant() - idle_since_,
          .idle_timeout = record_.idle_timeout,
          .deadline = record_.deadline};
}

void Sandbox::begin_use() {
  const std::lock_guard lock(mutex_);
  ++users_;
}

void Sandbox::end_use() {
  const std::lock_guard lock(mutex_);
  --users_;
  idle_since_ = clock_.instant();
}

Result<> Sandbox::check_there() const {
  if (ending_) return fail(ErrorCode::not_found, "sandbox {} has just ended", id_);
  return {};
}

Result<> Sandbox::note_paused(bool paused, Kept kept) {
  const std::lock_guard lock(mutex_);
  record_.paused = paused;
  record_.kept = kept;
  return records_.write(record_);
}

Result<> Sandbox::set_life(std::optional<Time> deadline, std::optional<std::chrono::seconds> idle_timeout) {
  ACLOUD_CHECK(check_there());
  const std::lock_guard lock(mutex_);
  Record next = record_;
  if (deadline) next.deadline = deadline;
  next.idle_timeout = idle_timeout.value_or(next.idle_timeout);
  ACLOUD_CHECK(records_.write(next));
  record_ = std::move(next);
  return {};
}

Task<Result<>> Sandbox::freeze(Kept keep, async::Deadline by) {
  if (keep == Kept::files) ACLOUD_CO_CHECK(co_await jail_->end_programs(by).shielded());
  // The record first: a later server must know that this one may be frozen.
  if (auto noted = note_paused(true, keep); !noted) {
    (void)note_paused(false);
    co_return noted;
  }
  auto frozen = co_await jail_->freeze(by).shielded();
  if (frozen) co_return frozen;
  // It may be frozen in part. Where it can't be thawed either, it stays paused, and the next use tries again.
  if (co_await jail_->thaw(async::Deadline::after(std::chrono::seconds(5))).shielded())
    (void)note_paused(false);
  co_return frozen;
}

Task<Result<>> Sandbox::freeze_and_rest(Kept keep, async::Deadline by) {
  auto frozen = co_await freeze(keep, by);
  if (frozen) jail_->rest();
  co_return frozen;
}

Task<Result<>> Sandbox::thaw(async::Deadline by) {
  ACLOUD_CO_CHECK(check_there());
  {
    const std::lock_guard lock(mutex_);
    if (!record_.paused) co_return Result<>();
  }
  ACLOUD_CO_CHECK(co_await jail_->thaw(by).shielded());
  take_over();
  auto noted = note_paused(false);
  // A program inside may have taken a port while no server was there: that is its own loss.
  if (const auto opened = co_await gates_.set(*jail_, record().egress, by); !opened)
    log::warn("a sandbox's way out stays shut", {{"id", id_}, {"error", opened.error().message()}});
  co_return noted;
}

Task<Result<>> Sandbox::open_gates(async::Deadline by) {
  ACLOUD_CO_TRY(const Lock::Held held, co_await lock_.acquire(by));
  const Record now = record();
  if (now.paused) co_return Result<>();
  co_return co_await gates_.set(*jail_, now.egress, by);
}

Task<Result<>> Sandbox::set_egress(Egress egress, async::Deadline by) {
  ACLOUD_CO_TRY(const Lock::Held held, co_await lock_.acquire(by));
  ACLOUD_CO_CHECK(check_there());
  Record next = record();
  const Egress before = std::exchange(next.egress, std::move(egress));
  gates_.close_others(next.egress);
  Result<> done;
  // A frozen sandbox's init makes no socket: its thaw will.
  if (!next.paused) done = co_await gates_.set(*jail_, next.egress, by);
  if (done) done = note_egress(next.egress);
  if (done) co_return done;
  gates_.close_others(before);
  if (next.paused) co_return done;
  if (const auto restored = co_await gates_.set(*jail_, before, by); !restored)
    log::warn("a sandbox's way out stays shut", {{"id", id_}, {"error", restored.error().message()}});
  co_return done;
}

Result<> Sandbox::note_egress(const Egress& egress) {
  const std::lock_guard lock(mutex_);
  Record next = record_;
  next.egress = egress;
  ACLOUD_CHECK(records_.write(next));
  record_ = std::move(next);
  return {};
}

Task<Result<std::unique_ptr<jail::Process>>> Sandbox::start(jail::Command command, async::Deadline by,
                                                            jail::Fd input) {
  ACLOUD_CO_TRY(const Lock::Held held, co_await lock_.acquire(by));
  ACLOUD_CO_CHECK(co_await thaw(by));
  co_return co_await jail_->exec(std::move(command), by, std::move(input));
}

Task<Result<jail::Fd>> Sandbox::listen(std::uint16_t port, async::Deadline by) {
  ACLOUD_CO_TRY(const Lock::Held held, co_await lock_.acquire(by));
  ACLOUD_CO_CHECK(co_await thaw(by));
  co_return co_await jail_->listen(port, by);
}

Task<Result<jail::Fd>> Sandbox::connect(std::uint16_t port, async::Deadline by) {
  ACLOUD_CO_TRY(const Lock::Held held, co_await lock_.acquire(by));
  ACLOUD_CO_CHECK(co_await thaw(by));
  co_return co_await jail_->connect(port, by);
}

Task<Result<Sandbox::Started>> Sandbox::start_program(jail::Command command, Label label, async::Deadline by,
                                                      jail::Fd input) {
  // A frozen one has not told yet what runs in it.
  if (!label.once.empty()) ACLOUD_CO_CHECK(co_await wake(by));
  const auto all = programs();
  const auto earlier = std::ranges::find_if(
      all, [&](const auto& program) { return !label.once.empty() && program->label().once == label.once; });
  if (earlier != all.end())
    co_return Started{*earlier, std::make_unique<OutputLog::Reader>((*earlier)->output(), true), true};
  const auto living = std::ranges::count_if(all, [](const auto& program) { return !program->ended(); });
  if (living >= static_cast<std::ptrdiff_t>(kProgramsMost)) {
    co_return fail(ErrorCode::precondition_failed,
                   "{} processes run in the sandbox beside calls, which is the most: end some", living);
  }
  command.label = encode(label);
  ACLOUD_CO_TRY(auto output, output_for(label));
  ACLOUD_CO_TRY(auto process, co_await start(std::move(command), by, std::move(input)));
  Started started{std::make_shared<Program>(std::move(process), std::move(label), std::move(output)), {}};
  started.output = std::make_unique<OutputLog::Reader>(started.program->output(), true);
  add(started.program);
  co_return started;
}

Result<std::unique_ptr<CallOutput>> Sandbox::output_for(const Label& label) const {
  if (!label.collects) return nullptr;
  return CallOutput::open(records_.calls(id_), label.once);
}

void Sandbox::forget(std::int64_t pid) {
  std::shared_ptr<Program> forgotten;  // its end is outside of the lock
  const std::lock_guard lock(mutex_);
  const auto found = programs_.find(pid);
  if (found == programs_.end()) return;
  forgotten = std::move(found->second);
  programs_.erase(found);
}

void Sandbox::add(std::shared_ptr<Program> program) {
  {
    const std::lock_guard lock(mutex_);
    programs_[program->pid()] = program;
    std::vector<std::pair<Time, std::int64_t>> ended;
    for (const auto& [pid, other] : programs_) {
      if (other->ended()) ended.emplace_back(other->label().started, pid);
    }
    std::ranges::sort(ended);
    for (std::size_t i = 0; i + kEndedMost < ended.size(); ++i) programs_.erase(ended[i].second);
  }
  look_after_(std::move(program));
}

std::shared_ptr<Program> Sandbox::find_program(std::int64_t pid) const {
  const std::lock_guard lock(mutex_);
  const auto found = programs_.find(pid);
  return found == programs_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Program>> Sandbox::programs() const {
  std::vector<std::shared_ptr<Program>> all;
  const std::lock_guard lock(mutex_);
  all.reserve(programs_.size());
  for (const auto& [pid, program] : programs_) all.push_back(program);
  return all;
}

Task<Result<>> Sandbox::pause(Kept keep, async::Deadline by) {
  ACLOUD_CO_TRY(const Lock::Held held, co_await lock_.acquire(by));
  ACLOUD_CO_CHECK(check_there());
  const Record now = record();
  if (now.paused && (keep == Kept::memory || now.kept == Kept::files)) co_return Result<>();
  co_return co_await freeze_and_rest(keep, by);
}

Task<Result<>> Sandbox::pause_idle(async::Deadline by) {
  ACLOUD_CO_TRY(const Lock::Held held, co_await lock_.acquire(by));
  ACLOUD_CO_CHECK(check_there());
  // Asked with the lock: a user counts itself first and takes the lock to wake it afterwards.
  if (next_step(life(true), clock_.now()) != Next::pause) co_return Result<>();
  co_return co_await freeze_and_rest(record().keeps_idle, by);
}

Task<Result<>> Sandbox::wake(async::Deadline by) {
  ACLOUD_CO_TRY(const Lock::Held held, co_await lock_.acquire(by));
  co_return co_await thaw(by);
}

Task<Result<std::shared_ptr<const jail::Fd>>> Sandbox::root(async::Deadline by) {
  ACLOUD_CO_TRY(const Lock::Held held, co_await lock_.acquire(by));
  ACLOUD_CO_CHECK(co_await thaw(by));
  co_return jail_->root();
}

Task<Result<images::Imported>> Sandbox::copy_files(images::Importer& importer, async::BlockingPool& blocking,
                                                   bool can_pause, async::Deadline by) {
  ACLOUD_CO_TRY(const Lock::Held held, co_await lock_.acquire(by));
  ACLOUD_CO_CHECK(check_there());
  const Record before = record();
  auto folder = jail_->written();
  if (!folder) {
    co_return fail(
        ErrorCode::precondition_failed,
        "sandbox {} can't be copied: it has ended, or was made by an earlier version of the server", id_);
  }
  if (can_pause) ACLOUD_CO_CHECK(co_await freeze(before.kept, by));
  const int written = folder->get();
  const std::uint32_t first = jail_->host_id(0), ids = jail_->id_count();
  auto copied = co_await async::run_blocking(
      blocking, [&importer, written, first, ids] { return importer.from_written(written, first, ids); });
  // However long that took, and whether or not anybody still waits.
  if (can_pause && !before.paused) {
    const auto thawed = co_await thaw(async::Deadline::after(std::chrono::seconds(20))).shielded();
    if (!thawed && copied) co_return std::unexpected(thawed.error());
  }
  co_return copied;
}

Task<Result<jail::Stats>> Sandbox::stats(async::Deadline by) {
  ACLOUD_CO_TRY(const Lock::Held held, co_await lock_.acquire(by));
  ACLOUD_CO_CHECK(check_there());
  co_return jail_->stats();
}

Task<Result<>> Sandbox::ended() { co_return co_await jail_->ended(); }

void Sandbox::take_over() {
  for (auto& process : jail_->take_processes()) {
    const auto json = parse_json(process->command().label);
    auto label = json ? decode<Label>(*json) : Result<Label>(std::unexpected(json.error()));
    auto output = label ? output_for(*label) : nullptr;
    if (!output) log::warn("a command's output is lost", {{"id", id_}, {"error", output.error().message()}});
    if (label && output) {
      add(std::make_shared<Program>(std::move(process), *std::move(label), *std::move(output)));
    } else {
      (void)process->signal(SIGKILL, jail::Scope::tree);  // one that has ended meanwhile needs none
    }
  }
}

}  // namespace acloud::sandbox
