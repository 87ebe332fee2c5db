// A task whose work is done elsewhere, and which sees to it: a video that a provider makes.
//
// What is to be done belongs to another product, which is handed in as Errands and keeps by itself where the
// work stands, under the task's id. The task is its clock: it looks after the work, waits as a row for as
// long as it is told, and looks again; also after a restart, and on another server. Each look is a step of
// the journal, so looking has to be safe to do again.
#pragma once

#include <functional>

#include "kernel/grant.h"
#include "task/course.h"
#include "task/drive.h"
#include "task/tables.h"

namespace acloud::task {

// How the work stands, as Errands tell it.
struct ErrandState {
  bool ended = false;
  std::chrono::milliseconds wait{0};  // until it is to be looked after again; where it has not ended
  Json progress;                      // what is told of it meanwhile; null for nothing
  Json result;                        // where it has ended
  std::optional<TaskFailure> error;   // it failed
  static constexpr auto schema =
      fields(field("ended", &ErrandState::ended, "Nothing more will come of it."),
             field("wait_s", &ErrandState::wait, "Until it is looked after again."),
             field("progress", &ErrandState::progress, "How far it is."),
             field("result", &ErrandState::result, "What came of it."),
             field("error", &ErrandState::error, "Why it failed."));
};

// The work of other products, by the names that TaskService::start() is given.
struct Errands {
  // Does what is due of the work of that task, with the rights of who asked for it. Errors: what may pass;
  // what can't be mended is an ErrandState with an error.
  using Look = std::function<Task<Result<ErrandState>>(std::string task, kernel::Caller owner)>;
  // `stop`: nobody wants it any more. It is looked after, with look, until it has ended all the same.
  struct Kind {
    Look look, stop;
  };
  std::map<std::string, Kind, std::less<>> kinds;
};

// Looks and waits until the work has ended. One that is stopped tells so to those who do the work, and ends
// with it.
class ErrandCourse final : public Course {
 public:
  static constexpr std::string_view kLook = ".look";
  static constexpr std::string_view kStop = ".stop";
  static constexpr std::string_view kWait = ".wait";

  explicit ErrandCourse(std::string kind) : kind_(std::move(kind)) {}

  const std::vector<Step>& next() override;
  bool take(std::int64_t number, const Outcome& outcome) override;
  std::int64_t next_number() const override { return next_number_; }
  void interrupt(std::string_view why) override;
  void outgrow(std::span<const Entry> rest, std::int64_t number) override;
  bool can_be_interrupted() const override { return !stopped_; }
  const Ending& ending() const override { return ending_; }

 private:
  void plan(StepKind kind, std::string_view what, std::string input);
  void take_state(const Outcome& outcome);
  void stop(Ending ending);

  std::string kind_;
  std::vector<Step> batch_;  // the one step that was given out and not taken; empty: it has ended
  std::int64_t next_number_ = 0;
  bool begun_ = false, stopped_ = false;
  Ending ending_;  // REQUIRES to be read: it has ended; of one that was stopped, it is known before
};

// Does the steps of an errand.
class ErrandPerformer final : public Performer {
 public:
  // REQUIRES: all outlive the performer.
  ErrandPerformer(const Errands& errands, const Claimed& task) : errands_(errands), task_(task) {}
  Task<Result<std::string>> perform(Step step) override;

 private:
  const Errands& errands_;
  const Claimed& task_;
};

}  // namespace acloud::task
