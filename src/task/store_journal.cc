#include "task/store_journal.h"

#include "task/family.h"

namespace acloud::task {

using store::Rows;

namespace {

constexpr std::int64_t kAllLines = 1'000'000;

// What a model was asked is what the journal has already: only how much of it there was is kept.
std::string kept_input(const Step& step) {
  if (step.kind != StepKind::chat) return step.input;
  return fmt::format(R"({{"bytes":{}}})", step.input.size());
}

Result<> hold(store::Transaction& tx, const Claimed& task, const Holder& holder, Time now,
              std::int64_t done) {
  ACLOUD_TRY(
      const std::int64_t held,
      tx.execute(
          "UPDATE tasks SET due = $4, steps = steps + $5 WHERE id = $1 AND holder = $2 AND attempt = $3",
          {task.id, holder.instance, task.attempt, store::to_value(now + holder.lease), done}));
  if (held == 1) return {};
  return fail(ErrorCode::conflict, "task {} is another server's by now", task.id);
}

Result<> write(store::Transaction& tx, const Claimed& task, const Entry& entry, Time now) {
  const Step& step = entry.step;
  store::Params row{task.id,
                    task.attempt,
                    step.number,
                    std::string(schema::Codec<StepKind>::name(step.kind)),
                    step.name,
                    store::Bytes{kept_input(step)},
                    step.ref,
                    std::int64_t{step.as_owner},
                    store::to_value(entry.began),
                    entry.outcome ? store::to_value(now) : store::Value(),
                    entry.outcome ? store::Value(std::int64_t{entry.outcome->ok}) : store::Value(),
                    entry.outcome ? store::Value(store::Bytes{entry.outcome->json}) : store::Value()};
  ACLOUD_CHECK(
      tx.execute("INSERT INTO task_steps (task, attempt, number, kind, name, input, ref, as_owner, began, "
                 "ended, ok, outcome) "
                 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (task, attempt, "
                 "number) DO UPDATE SET "
                 "ended = excluded.ended, ok = excluded.ok, outcome = excluded.outcome",
                 row));
  return {};
}

}  // namespace

Task<Result<std::vector<Entry>>> StoreJournal::read() {
  ACLOUD_CO_TRY(std::vector<tables::Line> lines,
                co_await database_.read([id = task_.id, attempt = task_.attempt](store::Reader& reader) {
                  return tables::lines(reader, id, attempt, -1, kAllLines);
                }));
  std::vector<Entry> entries;
  entries.reserve(lines.size());
  for (tables::Line& line : lines) entries.push_back(std::move(line.entry));
  co_return entries;
}

Task<Result<>> StoreJournal::keep(Entry entry) {
  ACLOUD_CO_CHECK(co_await database_.write_durably([task = task_, holder = holder_, entry = std::move(entry),
                                                    now = clock_.now()](store::Transaction& tx) -> Result<> {
    ACLOUD_CHECK(hold(tx, task, holder, now, entry.outcome ? 1 : 0));
    return write(tx, task, entry, now);
  }));
  changed_();
  co_return Result<>();
}

Task<Result<std::optional<Outcome>>> StoreJournal::take_signal(Entry entry) {
  using Taken = std::optional<Outcome>;
  ACLOUD_CO_TRY(
      Taken taken,
      co_await database_.write_durably([task = task_, holder = holder_, entry = std::move(entry),
                                        now = clock_.now()](store::Transaction& tx) mutable -> Result<Taken> {
        ACLOUD_TRY(const Rows rows,
                   tx.query("SELECT number, value FROM task_signals WHERE task = $1 AND name = $2 AND "
                            "taken = -1 ORDER BY number LIMIT 1",
                            {task.id, entry.step.signal()}));
        if (rows.empty()) return std::nullopt;
        ACLOUD_CHECK(hold(tx, task, holder, now, 1));
        ACLOUD_CHECK(tx.execute("UPDATE task_signals SET taken = $3 WHERE task = $1 AND number = $2",
                                {task.id, rows.front().integer(0), entry.step.number}));
        entry.outcome = Outcome{.ok = true, .json = fmt::format(R"({{"value":{}}})", rows.front().text(1))};
        ACLOUD_CHECK(write(tx, task, entry, now));
        return entry.outcome;
      }));
  if (taken) changed_();
  co_return taken;
}

Task<Result<>> StoreJournal::park(Time due, std::vector<std::string> signals) {
  ACLOUD_CO_CHECK(
      co_await database_.write_durably([task = task_, holder = holder_, due, signals = std::move(signals),
                                        now = clock_.now()](store::Transaction& tx) -> Result<> {
        // What came since it was looked for must not be slept through.
        Time when = due;
        const bool in_turn = std::ranges::find(signals, kRoomStep) != signals.end();
        for (const std::string& name : signals) {
          if (name == kRoomStep) continue;
          ACLOUD_TRY(const Rows rows,
                     tx.query("SELECT 1 FROM task_signals WHERE task = $1 AND name = $2 AND taken = -1",
                              {task.id, name}));
          if (!rows.empty()) when = now;
        }
        ACLOUD_TRY(const std::int64_t parked,
                   tx.execute("UPDATE tasks SET state = 'waiting', holder = '', "
                              "due = CASE WHEN interrupt <> '' THEN $5 ELSE $4 END, "
                              "waits = CASE WHEN $6 = 0 THEN 0 WHEN waits > 0 THEN "
                              "waits ELSE $5 END "
                              "WHERE id = $1 AND holder = $2 AND attempt = $3",
                              {task.id, holder.instance, task.attempt, store::to_value(when),
                               store::to_value(now), std::int64_t{in_turn}}));
        if (parked == 1) return {};
        return fail(ErrorCode::conflict, "task {} is another server's by now", task.id);
      }));
  changed_();
  co_return Result<>();
}

Task<Result<>> StoreJournal::end(Ending ending) {
  using Below = std::vector<std::string>;
  const State state = ending.state;
  ACLOUD_CO_TRY(orphans_, co_await database_.write_durably([task = task_, holder = holder_,
                                                            ending = std::move(ending),
                                                            when_ended = when_ended_, now = clock_.now()](
                                                               store::Transaction& tx) -> Result<Below> {
    const auto text = [](const std::string& value) { return store::Value(value); };
    ACLOUD_TRY(
        const std::int64_t ended,
        tx.execute(
            "UPDATE tasks SET state = $4, holder = '', due = NULL, ended = $5, result = $6, error_code = $7, "
            "error_message = $8 WHERE id = $1 AND holder = $2 AND attempt = $3",
            {task.id, holder.instance, task.attempt, std::string(schema::Codec<State>::name(ending.state)),
             store::to_value(now),
             ending.result.is_null()
                 ? store::Value()
                 : text(ending.result.dump(-1, ' ', false, OrderedJson::error_handler_t::replace)),
             ending.error ? text(ending.error->code) : store::Value(),
             ending.error ? text(to_valid_utf8(ending.error->message)) : store::Value()}));
    if (ended != 1) return fail(ErrorCode::conflict, "task {} is another server's by now", task.id);
    ACLOUD_CHECK(tables::wake_next(tx, now));
    ACLOUD_TRY(const std::string parent, family::tell_parent(tx, task.id, ending, now));
    if (when_ended && (!parent.empty() || !task.errand.empty()))
      ACLOUD_CHECK(when_ended(tx, task.owner.workspace, task.id, parent, now));
    return family::interrupt_below(tx, task.id, now);
  }));
  ended_ = state;
  changed_();
  co_return Result<>();
}

}  // namespace acloud::task
