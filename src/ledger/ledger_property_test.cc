// Whatever calls come, whatever breaks them, and however often the server is killed: the records add up to
// what the provider counted, bucket by bucket and to the last digit of money; each call has one record; no
// budget is overdrawn, and none refuses what it has room for.
//
// The ledger is the real one on a real database; the provider and the server's death are made up. Each case
// is a list of steps, which rapidcheck shrinks to the few that break what is claimed. With ACLOUD_SOAK set a
// million calls are made, and the count is printed.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <iostream>

#include "ledger/ledger.h"
#include "ledger/testing/money.h"
#include "ledger/testing/server.h"
#include "ledger/testing/steps.h"
#include "store/testing/databases.h"

namespace acloud::ledger {
namespace {

using namespace std::chrono_literals;

using testing::any_step;
using testing::Deed;
using testing::kCallsAtOnce;
using testing::Server;
using testing::Step;

PriceSheet sheet_of_all_buckets() {
  const Price price{.input = testing::money("1"),
                    .output = testing::money("2"),
                    .reasoning = testing::money("3"),
                    .cache_rules = CacheRules::anthropic};
  return {.tiers = {{std::nullopt, price.rates().value()}},
          .media = MediaRates{
              .second = {},
              .second_at = {{"720P", testing::money("0.0001")}, {"1080P", testing::money("0.0002")}},
              .image = testing::money("0.00005")}};
}

// In 10^-8 of a unit, by the prices above, so that it is computed another way than the ledger does.
std::int64_t cost(const Tokens& tokens) {
  return 100 * tokens.input_uncached + 10 * tokens.cache_read + 125 * tokens.cache_write_5m +
         200 * tokens.cache_write_1h + 200 * tokens.output + 300 * tokens.reasoning;
}
std::int64_t bound(std::int64_t input, std::int64_t output) { return 200 * input + 300 * output; }
std::int64_t cost(const Media& media, bool fine) {
  return (fine ? 20 : 10) * media.video.count() + 5000 * media.images;
}
Money amount(std::int64_t hundred_millionths) {
  return Money::parse("0.00000001").value() * hundred_millionths;
}

// A call under way, as the provider sees it.
struct Running {
  OpenCall open;
  Time at{};
  std::int64_t input = 0;
  std::int64_t most = 0;  // tokens of output
  std::int64_t written = 0;
};

// What was asked for and is not made yet.
struct Ordered {
  std::string id;
  Time at{};
  Media most;
};

// What the provider counted, and what was charged of each budget by that.
struct Counted {
  Tokens tokens;
  Media media;
  std::int64_t calls = 0;
  std::vector<std::pair<Time, std::int64_t>> costs;  // in 10^-8
};

class LedgerProperty : public store::testing::OnEachDatabase {
 protected:
  // One case, in a workspace of its own.
  struct World {
    std::string workspace;
    std::unique_ptr<Server> server;
    std::vector<Running> running;
    std::vector<Ordered> ordered;
    Counted counted;
    std::map<Period, std::int64_t> limits;  // in 10^-8
    std::int64_t made = 0;
    std::optional<store::Commit> last;  // of the records that were kept
  };

  void boot(World& world) {
    world.server.reset();
    world.server =
        std::make_unique<Server>(database_, clock_, folder_.path() + "/calls", fmt::format("run-{}", ++runs_),
                                 !on_sqlite(), sheet_of_all_buckets());
    RC_ASSERT(run(world.server->ledger.start()).has_value());
  }

  static Tokens sorted(const Step& step, std::int64_t input, std::int64_t output) {
    Tokens tokens;
    const std::int64_t part = input / 3;
    tokens.cache_read = step.sort > 0 ? part : 0;
    tokens.cache_write_5m = step.sort == 2 ? part : 0;
    tokens.cache_write_1h = step.sort == 3 ? part : 0;
    tokens.input_uncached = input - tokens.cache_read - tokens.cache_write_5m - tokens.cache_write_1h;
    tokens.reasoning = step.sort == 1 ? output / 2 : 0;
    tokens.output = output - tokens.reasoning;
    return tokens;
  }

  static std::int64_t spent(const World& world, Period period, Time now) {
    std::int64_t sum = 0;
    for (const auto& [at, cost] : world.counted.costs) {
      if (period_start(period, at) == period_start(period, now)) sum += cost;
    }
    return sum;
  }
  static std::int64_t held(const World& world, Period period, Time now, const Running* but) {
    std::int64_t sum = 0;
    for (const Running& other : world.running) {
      if (&other != but && period_start(period, other.at) == period_start(period, now))
        sum += bound(other.input, other.most);
    }
    for (const Ordered& other : world.ordered) {
      if (period_start(period, other.at) == period_start(period, now)) sum += cost(other.most, true);
    }
    return sum;
  }

  // The hold must succeed where every budget has room, and only there.
  bool hold(World& world, Running& call, const Step& step) {
    const Time now = clock_.now();
    bool room = true;
    for (const auto& [period, limit] : world.limits) {
      room = room &&
             spent(world, period, now) + held(world, period, now, &call) + bound(step.input, step.output) <=
                 limit;
    }
    const auto held = run(
        world.server->ledger.hold(call.open, {.model = "m", .input = step.input, .max_output = step.output}));
    if (!held) RC_ASSERT(held.error().code() == ErrorCode::budget_exceeded);
    RC_ASSERT(held.has_value() == room);
    call.at = now;
    call.input = step.input;
    call.most = step.output;
    call.written = 0;
    return room;
  }

  void begin_call(World& world, const Step& step) {
    Running call;
    call.open.stored = {.request_id = fmt::format("r{}", ++requests_),
                        .workspace = world.workspace,
                        .key = "k",
                        .principal = "p",
                        .operation = "model.chat",
                        .charges = {}};
    ++world.made;
    if (hold(world, call, step)) {
      world.running.push_back(std::move(call));
    } else {
      settle(world, call, true);
    }
  }

  static void count(World& world, const Running& call, const Tokens& tokens) {
    world.counted.tokens += tokens;
    ++world.counted.calls;
    world.counted.costs.emplace_back(call.at, cost(tokens));
  }

  // Keeps the record; false where the disk was to refuse it.
  void settle(World& world, Running& call, bool disk_is_well, bool server_lives = true) {
    const Entry entry{.request_id = call.open.stored.request_id,
                      .started = call.at,
                      .workspace = world.workspace,
                      .key = "k",
                      .principal = "p",
                      .operation = "model.chat",
                      .outcome = "ok",
                      .charges = call.open.stored.charges};
    auto written = run(database_.write([&](store::Transaction& tx) -> Result<> {
      ACLOUD_CHECK(world.server->ledger.settle_in(tx, entry, call.open));
      if (!disk_is_well) return fail(ErrorCode::unavailable, "the disk is full");
      return {};
    }));
    RC_ASSERT(written.has_value() == disk_is_well);
    if (written) world.last = written->commit;
    if (!disk_is_well) {
      world.server->ledger.unsettled(call.open);
      RC_ASSERT(run(world.server->ledger.maintain()).has_value());
    } else if (server_lives) {
      world.server->ledger.settled(call.open, written->commit);
    }
  }

  void finish_call(World& world, std::size_t at, const Step& step, bool disk_is_well, bool server_lives) {
    Running call = std::move(world.running[at]);
    world.running.erase(world.running.begin() + static_cast<std::ptrdiff_t>(at));
    const Tokens tokens = sorted(step, call.input, std::min(call.most, call.written + step.output));
    world.server->ledger.used(call.open, {.model = "m", .provider = "x", .tokens = tokens});
    count(world, call, tokens);
    settle(world, call, disk_is_well, server_lives);
  }

  // What had come so far, as it was noted.
  static Tokens so_far(const Running& call) { return {.input_uncached = call.input, .output = call.written}; }

  void kill_server(World& world) {
    for (const Running& call : world.running) count(world, call, so_far(call));
    world.running.clear();
    boot(world);
  }

  void put_budget(World& world, const Step& step) {
    constexpr std::array kPeriods{Period::hour, Period::day, Period::month, Period::total};
    const Period period = kPeriods.at(static_cast<std::size_t>(step.sort));
    // What is taken already, and a little more.
    const std::int64_t limit = spent(world, period, clock_.now()) +
                               held(world, period, clock_.now(), nullptr) +
                               300 * (step.input + step.output) * 10;
    const Budget budget{.id = fmt::format("bud_{}_{}", world.workspace, step.sort),
                        .scope = {world.workspace, ScopeKind::workspace, world.workspace},
                        .limit = amount(limit),
                        .period = period,
                        .created = clock_.now()};
    const bool is_new = !world.limits.contains(period);
    // What runs already when a budget is set holds nothing of it.
    if (is_new && !(world.running.empty() && world.ordered.empty())) return;
    RC_ASSERT(run(database_.write_durably([&](store::Transaction& tx) {
                return world.server->ledger.set_budget_in(tx, budget);
              })).has_value());
    world.limits[period] = limit;
  }

  // Money is set aside where every budget has room, and only there.
  void order(World& world, const Step& step, bool disk_is_well) {
    const Media most{.video = std::chrono::milliseconds(step.output), .images = step.sort};
    Reservation wanted{.id = fmt::format("task_{}", ++requests_),
                       .request_id = fmt::format("g{}", requests_),
                       .workspace = world.workspace,
                       .key = "k",
                       .principal = fmt::format("task_{}", requests_),
                       .operation = "model.generate",
                       .model = "m",
                       .amount = amount(cost(most, true)),
                       .sheet = sheet_of_all_buckets()};
    const Time now = clock_.now();
    bool room = true;
    for (const auto& [period, limit] : world.limits)
      room =
          room && spent(world, period, now) + held(world, period, now, nullptr) + cost(most, true) <= limit;
    Ledger& ledger = world.server->ledger;
    RC_ASSERT(wanted.amount == wanted.sheet->cost(most, ""));
    RC_ASSERT(run(ledger.know(wanted.payer())).has_value());
    const auto kept = run(database_.write_durably([&](store::Transaction& tx) -> Result<> {
      ACLOUD_CHECK(ledger.reservations().reserve_in(tx, wanted));
      if (!disk_is_well) return fail(ErrorCode::unavailable, "the disk is full");
      return {};
    }));
    if (!kept) ledger.reservations().unreserved(wanted.id);
    RC_ASSERT(kept.has_value() == (room && disk_is_well));
    if (kept) world.ordered.push_back({.id = wanted.id, .at = now, .most = most});
  }

  Result<std::optional<Money>> tell(World& world, const std::string& id, std::optional<Usage> usage,
                                    bool disk_is_well) {
    return run(database_.write_durably([&, usage](store::Transaction& tx) -> Result<std::optional<Money>> {
      ACLOUD_TRY(const auto charged,
                 world.server->ledger.reservations().settle_in(tx, id, usage ? "ok" : "unavailable", usage));
      if (!disk_is_well) return fail(ErrorCode::unavailable, "the disk is full");
      return charged;
    }));
  }

  void deliver(World& world, const Step& step, bool any, bool disk_is_well) {
    if (world.ordered.empty()) return;
    const std::size_t at = step.call % world.ordered.size();
    const Ordered ordered = world.ordered[at];
    world.ordered.erase(world.ordered.begin() + static_cast<std::ptrdiff_t>(at));
    const bool fine = step.input % 2 == 0;
    const Media made{.video = ordered.most.video / 2, .images = ordered.most.images};
    std::optional<Usage> usage;
    if (any) usage = Usage{.provider = "x", .media = made, .resolution = fine ? "1080P" : "720P"};
    if (!disk_is_well) RC_ASSERT(!tell(world, ordered.id, usage, false).has_value());
    const auto charged = tell(world, ordered.id, usage, true);
    RC_ASSERT(charged.has_value());
    RC_ASSERT(*charged == std::optional(amount(any ? cost(made, fine) : 0)));
    ++world.made;
    if (any) {
      world.counted.media += made;
      ++world.counted.calls;
      world.counted.costs.emplace_back(ordered.at, cost(made, fine));
    }
    RC_ASSERT(tell(world, ordered.id, usage, true).value() == std::nullopt);
  }

  void take(World& world, const Step& step) {
    using enum Deed;
    Ledger& ledger = world.server->ledger;
    const bool any = !world.running.empty();
    const std::size_t at = any ? step.call % world.running.size() : 0;
    switch (step.deed) {
      case call:
        begin_call(world, step);
        if (world.running.size() > kCallsAtOnce || (!world.running.empty() && !any))
          finish_call(world, world.running.size() - 1, step, true, true);
        break;
      case begin:
        if (world.running.size() < kCallsAtOnce) begin_call(world, step);
        break;
      case go_on:
        if (!any) break;
        world.running[at].written = std::min(world.running[at].most, world.running[at].written + step.output);
        ledger.note(world.running[at].open,
                    {.model = "m", .tokens = so_far(world.running[at]), .estimated = true});
        break;
      case fail:
        if (!any) break;
        if (!hold(world, world.running[at], step)) {
          // Refused the other model, it ends. What it had held is given back with it.
          Running ended = std::move(world.running[at]);
          world.running.erase(world.running.begin() + static_cast<std::ptrdiff_t>(at));
          settle(world, ended, true);
        }
        break;
      case finish:
        if (any) finish_call(world, at, step, true, true);
        break;
      case break_off: {
        if (!any) break;
        Running call = std::move(world.running[at]);
        world.running.erase(world.running.begin() + static_cast<std::ptrdiff_t>(at));
        ledger.used(call.open, {.model = "m", .tokens = so_far(call), .estimated = true});
        count(world, call, so_far(call));
        settle(world, call, true);
        break;
      }
      case lose_record:
        if (any) finish_call(world, at, step, false, true);
        break;
      case die_settled:
        if (!any) break;
        finish_call(world, at, step, true, false);
        kill_server(world);
        break;
      case kill:
        kill_server(world);
        break;
      case wait:
        clock_.advance(1500ms);
        RC_ASSERT(run(ledger.maintain()).has_value());
        break;
      case next_hour:
        clock_.advance(1h);
        RC_ASSERT(run(ledger.maintain()).has_value());
        break;
      case set_budget:
        put_budget(world, step);
        break;
      case reserve:
      case lose_reserve:
        order(world, step, step.deed == reserve);
        break;
      case make:
      case make_none:
      case lose_make:
        deliver(world, step, step.deed != make_none, step.deed != lose_make);
        break;
    }
  }

  static constexpr std::string_view kSums =
      "CAST(SUM(input_uncached) AS BIGINT), CAST(SUM(cache_read) AS BIGINT), CAST(SUM(cache_write_5m) AS "
      "BIGINT), "
      "CAST(SUM(cache_write_1h) AS BIGINT), CAST(SUM(output) AS BIGINT), CAST(SUM(reasoning) AS BIGINT)";

  static Tokens tokens_of(const store::Row& row) {
    const auto at = [&row](std::size_t i) { return row.is_null(i) ? 0 : row.integer(i); };
    return {at(0), at(1), at(2), at(3), at(4), at(5)};
  }

  void check_sums(const World& world) {
    const std::string where = fmt::format(" WHERE workspace = '{}' AND model = 'm'", world.workspace);
    for (const std::string_view table : {"usage_calls", "usage_totals"}) {
      const auto rows = run(database_.query(fmt::format("SELECT {} FROM {}{}", kSums, table, where)));
      RC_ASSERT(rows.has_value());
      RC_ASSERT(tokens_of(rows->front()) == world.counted.tokens);
      const auto media = run(database_.query(fmt::format(
          "SELECT CAST(COALESCE(SUM(video_ms), 0) AS BIGINT), CAST(COALESCE(SUM(images), 0) AS BIGINT) "
          "FROM {}{}",
          table, where)));
      RC_ASSERT(media->front().integer(0) == world.counted.media.video.count());
      RC_ASSERT(media->front().integer(1) == world.counted.media.images);
    }
    const auto records =
        run(database_.query("SELECT COUNT(*), COUNT(DISTINCT request_id) FROM usage_calls" + where));
    RC_ASSERT(records->front().integer(0) == world.counted.calls);
    RC_ASSERT(records->front().integer(1) == world.counted.calls);
    const auto calls = run(database_.query(fmt::format(
        "SELECT CAST(SUM(calls) AS BIGINT) FROM usage_totals WHERE workspace = '{}'", world.workspace)));
    RC_ASSERT((calls->front().is_null(0) ? 0 : calls->front().integer(0)) == world.made);
    std::int64_t all = 0;
    for (const auto& [at, cost] : world.counted.costs) all += cost;
    const auto spent = run(database_.read([&world](store::Reader& reader) {
      return tables::spent_since(reader, {world.workspace, ScopeKind::workspace, world.workspace}, Time{});
    }));
    RC_ASSERT(spent.value() == amount(all));
    const auto holds = run(database_.query(
        fmt::format("SELECT COUNT(*) FROM budget_holds WHERE budget LIKE 'bud_{}_%'", world.workspace)));
    RC_ASSERT(holds->front().integer(0) == 0);
    RC_ASSERT(world.server->calls->in_use() == 0U);
  }

  void check_case(const std::vector<Step>& steps) {
    World world{.workspace = fmt::format("w{}", ++workspaces_)};
    boot(world);
    for (const Step& step : steps) {
      take(world, step);
      for (const auto& [period, limit] : world.limits) RC_ASSERT(spent(world, period, clock_.now()) <= limit);
    }
    kill_server(world);
    // What was asked for outlives the server, and is made at last.
    while (!world.ordered.empty()) deliver(world, {.deed = Deed::make}, true, true);
    // Readers see what is committed.
    if (world.last) RC_ASSERT(run(world.last->wait()).has_value());
    check_sums(world);
    for (const auto& [period, limit] : world.limits) {
      const auto gone = run(database_.write_durably([&](store::Transaction& tx) {
        return world.server->ledger.delete_budget_in(
            tx, fmt::format("bud_{}_{}", world.workspace, static_cast<int>(period)));
      }));
      RC_ASSERT(gone.has_value());
    }
    made_ += world.made;
  }

  ManualClock clock_{Time{std::chrono::sys_days{std::chrono::year(2026) / 11 / 30} + 21h + 30min}};
  store::testing::TemporaryFolder folder_;
  store::Database& database_ = open(Ledger::migrations());
  int runs_ = 0;
  int workspaces_ = 0;
  std::int64_t requests_ = 0;
  std::int64_t made_ = 0;
};

// Cases go on until so many calls were made.
TEST_P(LedgerProperty, RecordsAddUpToWhatTheProviderCounted) {
  const bool at_length = std::getenv("ACLOUD_SOAK") != nullptr;
  const std::int64_t wanted = !on_sqlite() ? 1000 : at_length ? 1'000'000 : 5'000;
  const int steps = on_sqlite() ? 400 : 40;
  bool sound = true;
  while (sound && made_ < wanted) {
    const std::int64_t before = made_;
    sound = rc::check("records add up", [this, steps] {
      check_case(*rc::gen::resize(steps, rc::gen::container<std::vector<Step>>(any_step())));
    });
    ASSERT_TRUE(sound);
    ASSERT_GT(made_, before);
  }
  if (at_length)
    std::cout << fmt::format("figure: {} random calls, {} servers killed: records as the provider counted\n",
                             made_, runs_);
}

INSTANTIATE_TEST_SUITE_P(Databases, LedgerProperty, ::testing::Values("sqlite"), store::testing::name_of);

}  // namespace
}  // namespace acloud::ledger
