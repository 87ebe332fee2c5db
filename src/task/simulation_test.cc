// The engine under simulated time, disk and network: every seed is a run with crashes, slow and failing
// calls, and a disk that loses what it had not synced. A seed that fails is run again by its number:
//   ACLOUD_SEED=1234 build/task_test --gtest_filter=Simulation.*
#include <gtest/gtest.h>

#include <set>

#include "async/task_scope.h"
#include "async/wait.h"
#include "task/drive.h"

namespace acloud::task {
namespace {

using std::chrono::milliseconds;

// What outlives a crash: the journal as far as it was synced, and the effects of calls, each under its key.
struct World {
  SeededRandom random;
  std::map<std::int64_t, Entry> synced;
  std::map<std::int64_t, int> effects;        // of a step: how often it had one
  std::map<std::int64_t, std::string> names;  // what a step was, whenever it was done
  std::map<std::int64_t, Outcome> replies;    // by idempotency key
  std::set<std::string> alive;                // resources
  std::map<std::int64_t, bool> exhausted;     // of a step that makes one: is there none to be had
  std::set<std::int64_t> acknowledged;        // entries that the engine was told are on disk
  std::vector<std::string> wrong;
  std::optional<Ending> ending;
  bool early = false;  // the planted bug: entries are acknowledged before they are synced

  explicit World(std::uint64_t seed) : random(seed) {}
  bool chance(double share) { return random.unit() < share; }
};

// One life of a server, from start to crash. What waits when it crashes is cut, and nothing it does
// afterwards counts.
struct Life {
  bool over = false;
};

class SimulatedJournal final : public Journal {
 public:
  SimulatedJournal(World& world, const Life& life, Clock& clock)
      : world_(world), life_(life), clock_(clock) {}

  Task<Result<std::vector<Entry>>> read() override {
    std::vector<Entry> entries;
    for (const auto& [number, entry] : world_.synced) entries.push_back(entry);
    co_return entries;
  }
  Task<Result<>> keep(Entry entry) override {
    if (world_.early) world_.acknowledged.insert(entry.step.number);
    const auto number = entry.step.number;
    if (world_.early && world_.chance(0.5)) {
      // On its way to the disk, which it reaches if the server lives until then.
      pending_.push_back(std::move(entry));
      co_return Result<>();
    }
    ACLOUD_CO_CHECK(co_await sync(std::move(entry)));
    world_.acknowledged.insert(number);
    co_return Result<>();
  }
  Task<Result<std::optional<Outcome>>> take_signal(Entry) override { co_return std::nullopt; }
  // A task that waits for resources has none.
  Task<Result<>> park(Time due, std::vector<std::string> signals) override {
    if (!signals.empty() && !world_.alive.empty())
      world_.wrong.push_back("it waits and holds a " + *world_.alive.begin());
    while (!life_.over && clock_.now() < due)
      ACLOUD_CO_CHECK(co_await async::sleep_for(std::min<Duration>(due - clock_.now(), milliseconds(20))));
    co_return Result<>();
  }
  Task<Result<>> end(Ending ending) override {
    ACLOUD_CO_CHECK(co_await async::sleep_for(milliseconds(world_.random.below(5))));
    if (life_.over) co_return async::cancelled();
    for (Entry& entry : pending_) world_.synced[entry.step.number] = std::move(entry);
    world_.ending = std::move(ending);
    co_return Result<>();
  }

 private:
  Task<Result<>> sync(Entry entry) {
    ACLOUD_CO_CHECK(co_await async::sleep_for(milliseconds(world_.random.below(5))));
    if (life_.over) co_return async::cancelled();
    for (Entry& each : pending_) world_.synced[each.step.number] = std::move(each);
    pending_.clear();
    world_.synced[entry.step.number] = std::move(entry);
    co_return Result<>();
  }
  World& world_;
  const Life& life_;
  Clock& clock_;
  std::vector<Entry> pending_;
};

class SimulatedCloud final : public Performer {
 public:
  SimulatedCloud(World& world, const Life& life) : world_(world), life_(life) {}

  Task<Result<std::string>> perform(Step step) override {
    check_order(step);
    const auto slow = milliseconds(world_.chance(0.05) ? 3'000 : world_.random.below(20));
    ACLOUD_CO_CHECK(co_await async::sleep_for(slow));
    if (life_.over) co_return async::cancelled();
    if (world_.chance(0.1)) co_return fail(ErrorCode::unavailable, "overloaded");
    if (step.name == "database.create" && is_exhausted(step.number))
      co_return std::unexpected(
          Error(ErrorCode::unavailable, "there are too many").with_retry_after(milliseconds(1)));
    if (const auto done = world_.replies.find(step.number); done != world_.replies.end())
      co_return done->second.json;
    if (step.kind != StepKind::chat && !step.as_owner && world_.chance(0.1))
      co_return fail(ErrorCode::invalid_argument, "wrong");
    Outcome outcome{.ok = true, .json = reply_to(step)};
    if (step.kind != StepKind::chat) world_.replies[step.number] = outcome;
    ++world_.effects[step.number];
    // The effect is there, and the reply is lost on its way.
    ACLOUD_CO_CHECK(co_await async::sleep_for(milliseconds(world_.random.below(3))));
    if (life_.over) co_return async::cancelled();
    if (world_.chance(0.05)) co_return fail(ErrorCode::unavailable, "the connection was lost");
    co_return outcome.json;
  }

 private:
  // Before a step begins, all that came before it is on disk: an outcome that could still be lost would make
  // the task do something else the next time.
  void check_order(const Step& step) {
    const auto [was, is_new] = world_.names.try_emplace(step.number, step.name + step.input);
    if (!is_new && was->second != step.name + step.input)
      world_.wrong.push_back(fmt::format("step {} was {} and is {}", step.number, was->second, step.name));
    if (world_.synced.contains(step.number) && world_.synced[step.number].outcome)
      world_.wrong.push_back(fmt::format("step {} was done, and is done again", step.number));
    for (const std::int64_t number : world_.acknowledged) {
      if (!world_.synced.contains(number))
        world_.wrong.push_back(fmt::format("step {} begins and {} is not on disk", step.number, number));
    }
  }

  bool is_exhausted(std::int64_t step) {
    const auto [at, is_new] = world_.exhausted.try_emplace(step, false);
    if (is_new) at->second = world_.chance(0.3);
    return at->second;
  }

  std::string reply_to(const Step& step) {
    if (step.kind == StepKind::chat) return chat();
    const Json input = parse_json(step.input).value_or(Json::object());
    if (step.name == "model.list") return R"({"items":[{"name":"m","engine":{"context":4096}}]})";
    if (step.name == "sandbox.create") {
      world_.alive.insert("sandbox");
      return R"({"id":"sbx_1"})";
    }
    if (step.name == "database.create") world_.alive.insert("database");
    if (step.name == "sandbox.kill") world_.alive.erase("sandbox");
    if (step.name == "database.delete") world_.alive.erase("database");
    return R"({"stdout":"1\n"})";
  }

  std::string chat() {
    if (world_.chance(0.3))
      return R"({"choices":[{"message":{"content":"done"}}],"usage":{"prompt_tokens":9}})";
    OrderedJson calls = OrderedJson::array();
    for (std::uint64_t i = 0; i <= world_.random.below(3); ++i) {
      calls.push_back(
          {{"id", "c" + std::to_string(i)},
           {"function",
            {{"name", world_.chance(0.1) ? "nothing" : "sandbox_exec"},
             {"arguments",
              world_.chance(0.1) ? "{" : fmt::format(R"({{"command":"{}"}})", world_.random.below(99))}}}});
    }
    return OrderedJson{{"choices", {{{"message", {{"content", nullptr}, {"tool_calls", calls}}}}}}}.dump();
  }

  World& world_;
  const Life& life_;
};

Spec spec() {
  Spec spec{.id = "task_1", .request = {}, .tools = {}};
  spec.request.goal = "do it";
  Agent agent;
  agent.limits.turns = 6;
  spec.request.agent = agent;
  spec.request.resources.sandbox = Json::object();
  spec.request.resources.database = DatabaseWanted{.name = "db", .sql = {"CREATE TABLE t (x)"}};
  Tool tool{.name = "sandbox_exec", .operation = "sandbox.exec", .bound = true};
  spec.tools.push_back(std::move(tool));
  return spec;
}

// One life: the task runs until it ends, or until the crash.
Task<> live(World& world, Clock& clock, Time deadline, bool crashes) {
  Life life;
  Control control;
  SimulatedJournal journal(world, life, clock);
  SimulatedCloud cloud(world, life);
  async::TaskScope scope;
  struct Go {
    static Task<> run(Spec spec, Time deadline, Journal& journal, Performer& performer, Clock& clock,
                      Control& control) {
      (void)co_await drive(std::move(spec), deadline, journal, performer, clock, control);
    }
    static Task<> crash(Life& life, Control& control, milliseconds after) {
      (void)co_await async::sleep_for(after);
      life.over = true;
      control.stop.request_stop();
    }
    static Task<> cancel(Control& control, milliseconds after) {
      (void)co_await async::sleep_for(after);
      control.interrupt = "cancelled";
      control.stop.request_stop();
    }
  };
  if (crashes) scope.spawn(Go::crash(life, control, milliseconds(1 + world.random.below(150))));
  if (!crashes && world.chance(0.2)) scope.spawn(Go::cancel(control, milliseconds(world.random.below(100))));
  scope.spawn(Go::run(spec(), deadline, journal, cloud, clock, control));
  co_await scope.join();
}

// An engine of another version wrote one line of the journal, of the task's work; false where there is none
// yet.
bool rewrite_a_line(World& world) {
  std::vector<Step*> work;
  for (auto& [number, entry] : world.synced) {
    if (!entry.step.as_owner && entry.step.kind != StepKind::interrupt) work.push_back(&entry.step);
  }
  if (work.empty()) return false;
  work[world.random.below(work.size())]->name += ".of.old";
  return true;
}

struct Plan {
  bool early = false;     // the planted bug
  bool upgraded = false;  // the journal of a killed server goes to one of another version
};

// What went wrong under this seed; empty: nothing.
std::vector<std::string> simulate(std::uint64_t seed, Plan plan) {
  World world(seed);
  world.early = plan.early;
  ManualClock clock;
  async::EventLoop loop(clock);
  const Time deadline = clock.now() + (world.chance(0.2) ? milliseconds(300) : milliseconds(60'000));
  bool rewritten = false;
  for (int lives = 0; !world.ending && lives < 60; ++lives) {
    if (plan.upgraded && !rewritten) rewritten = rewrite_a_line(world);
    loop.run_until_done(live(world, clock, deadline, lives < 40 && world.chance(0.85)));
  }
  if (!world.ending) world.wrong.emplace_back("the task never ended");
  const bool outgrown =
      world.ending && world.ending->error && world.ending->error->code == "precondition_failed";
  if (outgrown != rewritten)
    world.wrong.emplace_back(outgrown ? "the journal was not recognised"
                                      : "it went on from another's journal");
  if (!world.alive.empty()) world.wrong.push_back(*world.alive.begin() + " is left");
  for (const auto& [step, times] : world.effects) {
    const bool is_chat = world.names[step].starts_with("model.chat");
    if (times > 1 && !is_chat) world.wrong.push_back(fmt::format("step {} was done {} times", step, times));
  }
  return std::move(world.wrong);
}

std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

TEST(Simulation, EveryTaskEndsWithEachStepDoneOnceAndNothingLeft) {
  const std::uint64_t first = number("ACLOUD_SEED", 1);
  const std::uint64_t last = std::getenv("ACLOUD_SEED") != nullptr ? first : number("ACLOUD_SEEDS", 10'000);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const auto wrong = simulate(seed, {});
    ASSERT_TRUE(wrong.empty()) << "seed " << seed << ": " << wrong.front();
  }
}

TEST(Simulation, AJournalOfAnotherVersionEndsTheTaskWithNothingLeft) {
  for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
    const auto wrong = simulate(seed, {.upgraded = true});
    ASSERT_TRUE(wrong.empty()) << "seed " << seed << ": " << wrong.front();
  }
}

TEST(Simulation, FindsAnAcknowledgementBeforeTheSync) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    if (!simulate(seed, {.early = true}).empty()) return;
  }
  FAIL() << "a journal that acknowledges what is not on disk went unnoticed";
}

}  // namespace
}  // namespace acloud::task
