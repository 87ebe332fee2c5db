#include "task/drive.h"

#include <algorithm>
#include <deque>
#include <span>

#include "async/task_scope.h"
#include "async/wait.h"

namespace acloud::task {
namespace {

constexpr int kAttempts = 6;             // of a step that fails for what may pass
constexpr int kAttemptsOfClaimed = 120;  // of one that a server which is gone was at
// Steps of another engine that a crash cut off may have had numbers after the journal's last, and their keys.
constexpr std::int64_t kUnderWayMost = 1'000;
constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::seconds kLongestPause{10};

bool may_pass(const Error& error) {
  return error.code() == ErrorCode::unavailable || error.code() == ErrorCode::rate_limited;
}

class Driver {
 public:
  Driver(Spec spec, Time deadline, Journal& journal, Performer& performer, Clock& clock, Control& control)
      : course_(course_of(std::move(spec))),
        deadline_(deadline),
        journal_(journal),
        performer_(performer),
        clock_(clock),
        control_(control) {}

  Task<Result<Driven>> run() {
    ACLOUD_CO_CHECK(co_await replay());
    for (;;) {
      const std::vector<Step> steps = course_->next();
      if (steps.empty()) {
        ACLOUD_CO_CHECK(co_await journal_.end(course_->ending()));
        co_return Driven::ended;
      }
      ACLOUD_CO_TRY(const bool interrupted, co_await check_interrupt());
      if (interrupted) continue;
      std::vector<Step> active;
      std::ranges::copy_if(steps, std::back_inserter(active), [](const Step& step) {
        return step.kind == StepKind::call || step.kind == StepKind::chat;
      });
      if (!active.empty()) {
        ACLOUD_CO_CHECK(co_await do_all(std::move(active)));
        continue;
      }
      ACLOUD_CO_TRY(const bool waits, co_await wait(steps));
      if (waits) co_return Driven::parked;
    }
  }

 private:
  Task<Result<>> replay() {
    ACLOUD_CO_TRY(const std::vector<Entry> entries, co_await journal_.read());
    for (auto entry = entries.begin(); entry != entries.end(); ++entry) {
      const Step& step = entry->step;
      if (step.kind == StepKind::interrupt && step.name == kOutgrown) {
        course_->outgrow({}, step.number);
      } else if (step.kind == StepKind::interrupt) {
        course_->interrupt(step.name);
      } else if (!is_next(step)) {
        const auto taken_over = std::find_if(entry, entries.end(), [](const Entry& later) {
          return later.step.kind == StepKind::interrupt && later.step.name == kOutgrown;
        });
        const std::span rest(entry, taken_over);
        if (taken_over == entries.end()) co_return co_await outgrow(rest);
        course_->outgrow(rest, taken_over->step.number);
        entry = taken_over;
      } else if (entry->outcome) {
        course_->take(step.number, *entry->outcome);
      } else {
        begun_[step.number] = entry->began;
      }
    }
    co_return Result<>();
  }

  // Is it what the script does there?
  bool is_next(const Step& step) {
    const std::vector<Step>& expected = course_->next();
    const auto found = std::ranges::find(expected, step.number, &Step::number);
    return found != expected.end() && found->kind == step.kind && found->name == step.name;
  }

  // Journals that this engine takes over from the one that wrote `rest`.
  Task<Result<>> outgrow(std::span<const Entry> rest) {
    const std::int64_t number = rest.back().step.number + kUnderWayMost;
    ACLOUD_CO_CHECK(co_await journal_.keep(interruption(number, std::string(kOutgrown))).shielded());
    course_->outgrow(rest, number);
    co_return Result<>();
  }

  Entry interruption(std::int64_t number, std::string why) const {
    return {.step = {.number = number, .kind = StepKind::interrupt, .name = std::move(why), .input = "{}"},
            .outcome = Outcome{.ok = true, .json = "{}"},
            .began = clock_.now()};
  }

  // Journals that the task is cancelled or out of time, once.
  Task<Result<bool>> check_interrupt() {
    if (!course_->can_be_interrupted()) co_return false;
    const std::string why = !control_.interrupt.empty() ? control_.interrupt
                            : clock_.now() >= deadline_ ? std::string("deadline")
                                                        : std::string();
    if (why.empty()) co_return false;
    ACLOUD_CO_CHECK(co_await journal_.keep(interruption(course_->next_number(), why)).shielded());
    course_->interrupt(why);
    co_return true;
  }

  // What came of a step that is going on; nothing where it was cut.
  struct Doing {
    Step step;
    std::optional<Outcome> outcome;
    std::optional<Error> broken;  // it could not be kept
  };

  Task<Result<>> do_all(std::vector<Step> steps) {
    std::deque<Doing> all;
    for (Step& step : steps) all.push_back({.step = std::move(step), .outcome = {}, .broken = {}});
    if (all.size() == 1) {
      co_await do_one(all.front());
    } else {
      async::TaskScope scope;
      for (Doing& doing : all) scope.spawn(do_one(doing));
      co_await scope.join();
    }
    for (Doing& doing : all) {
      if (doing.broken) co_return std::unexpected(*std::move(doing.broken));
    }
    bool any = false;
    for (const Doing& doing : all) {
      if (!doing.outcome) continue;
      course_->take(doing.step.number, *doing.outcome);
      any = true;
    }
    // Cut, and nobody says for what reason the task ends: then the server does.
    const bool ends = control_.stop.stop_requested() && control_.interrupt.empty();
    if (ends && !any) co_return async::cancelled();
    co_return Result<>();
  }

  Task<> do_one(Doing& doing) {
    const Time began = clock_.now();
    auto outcome = co_await perform(doing.step);
    if (!outcome) co_return;
    Entry entry{.step = doing.step, .outcome = *outcome, .began = began};
    if (const auto kept = co_await journal_.keep(std::move(entry)).shielded(); !kept) {
      doing.broken = kept.error();
      co_return;
    }
    doing.outcome = std::move(outcome);
  }

  // Again and again where that may help. Nothing: it was cut.
  Task<std::optional<Outcome>> perform(const Step& step) {
    const auto left = std::max(Duration::zero(), Duration(deadline_ - clock_.now()));
    const auto by = step.cut ? async::Deadline::after(left) : async::Deadline::never();
    std::chrono::milliseconds pause = kFirstPause;
    for (int attempt = 1;; ++attempt) {
      auto reply =
          co_await async::with_deadline(by, step.name, performer_.perform(step)).with_stop(token(step));
      if (reply) co_return Outcome{.ok = true, .json = *std::move(reply)};
      const Error& error = reply.error();
      if (step.cut && (control_.stop.stop_requested() || clock_.now() >= deadline_)) co_return std::nullopt;
      const bool claimed = error.code() == ErrorCode::conflict && error.retry_after();
      const bool again =
          (may_pass(error) && attempt < kAttempts) || (claimed && attempt < kAttemptsOfClaimed);
      if (!again || (control_.stop.stop_requested() && control_.interrupt.empty())) {
        if (again) co_return std::nullopt;
        co_return failure(error);
      }
      const std::chrono::milliseconds asked = error.retry_after().value_or(pause);
      const auto rest = std::min<std::chrono::milliseconds>(std::max(asked, pause), kLongestPause);
      (void)co_await async::sleep_for(rest).with_stop(control_.stop.get_token());
      pause = std::min<std::chrono::milliseconds>(pause * 2, kLongestPause);
    }
  }

  std::stop_token token(const Step& step) const {
    return step.cut ? control_.stop.get_token() : async::detail::never_stopped();
  }

  // True: nothing of it is over yet, and the task is parked.
  Task<Result<bool>> wait(const std::vector<Step>& steps) {
    Time due = course_->can_be_interrupted() ? deadline_ : Time::max();
    std::vector<std::string> signals;
    for (const Step& step : steps) {
      Entry entry{.step = step, .outcome = {}, .began = clock_.now()};
      if (const auto begun = begun_.find(step.number); begun != begun_.end()) {
        entry.began = begun->second;
      } else {
        ACLOUD_CO_CHECK(co_await journal_.keep(entry).shielded());
        begun_[step.number] = entry.began;
      }
      if (step.kind == StepKind::signal || step.kind == StepKind::approval) {
        ACLOUD_CO_TRY(const auto outcome, co_await journal_.take_signal(entry).shielded());
        if (outcome) {
          course_->take(step.number, *outcome);
          co_return false;
        }
        ACLOUD_CO_TRY(const bool late, co_await is_late(entry, due));
        if (late) co_return false;
        signals.push_back(step.signal());
        continue;
      }
      if (step.name == kRoomStep) signals.emplace_back(kRoomStep);
      const Json input = parse_json(step.input).value_or(Json::object());
      const std::chrono::duration<double> length(input.value("seconds", 0.0));
      const Time until = entry.began + std::chrono::duration_cast<std::chrono::microseconds>(length);
      if (clock_.now() < until) {
        due = std::min(due, until);
        continue;
      }
      entry.outcome = Outcome{.ok = true, .json = step.input};
      ACLOUD_CO_CHECK(co_await journal_.keep(entry).shielded());
      course_->take(step.number, *entry.outcome);
      co_return false;
    }
    ACLOUD_CO_CHECK(co_await journal_.park(due, std::move(signals)).shielded());
    co_return true;
  }

  // An approval that nobody decided in its time is denied. `due` is when to look again.
  Task<Result<bool>> is_late(Entry entry, Time& due) {
    if (entry.step.kind != StepKind::approval) co_return false;
    const Json input = parse_json(entry.step.input).value_or(Json::object());
    const std::chrono::seconds most(input.value("timeout_s", std::int64_t{0}));
    if (clock_.now() < entry.began + most) {
      due = std::min(due, entry.began + most);
      co_return false;
    }
    entry.outcome =
        failure("deadline_exceeded", fmt::format("nobody approved this call within {} s", most.count()));
    ACLOUD_CO_CHECK(co_await journal_.keep(entry).shielded());
    course_->take(entry.step.number, *entry.outcome);
    co_return true;
  }

  std::unique_ptr<Course> course_;
  Time deadline_;
  Journal& journal_;
  Performer& performer_;
  Clock& clock_;
  Control& control_;
  std::map<std::int64_t, Time> begun_;
};

}  // namespace

Task<Result<Driven>> drive(Spec spec, Time deadline, Journal& journal, Performer& performer, Clock& clock,
                           Control& control) {
  Driver driver(std::move(spec), deadline, journal, performer, clock, control);
  co_return co_await driver.run();
}

}  // namespace acloud::task
