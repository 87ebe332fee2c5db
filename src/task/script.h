// The course of an agent's or a program's task: its resources are made, it works, its resources are removed.
//
// Whatever happens in the middle, a resource that was made is removed or named in the result; a task never
// ends before.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "task/agent_loop.h"
#include "task/compensation.h"
#include "task/course.h"

namespace acloud::task {

// What a task is made from; kept with it.
struct Spec {
  std::string id;
  RunTask request;
  std::vector<Tool> tools;
  std::string errand;  // the kind of work that is done elsewhere (errand.h); "" for an agent or a program
};

class Script final : public Course {
 public:
  // Raised with every change after which an older engine would read a newer journal otherwise: it then leaves
  // such tasks to servers that can go on with them. What becomes of older ones, replay finds out (outgrow()).
  static constexpr std::int64_t kVersion = 4;

  // In the input of a step: the task's own API key and its id, which are in no journal.
  static constexpr std::string_view kKeyMark = "${task.key}";
  static constexpr std::string_view kKeyIdMark = "${task.key_id}";
  // Where a sandbox finds the cloud.
  static constexpr std::string_view kCloudInside = "http://127.0.0.1:7300";
  // Where a program's output goes in its sandbox, with .out and .err; so many bytes of each are its result.
  static constexpr const char* kOutput = "/tmp/.agent";
  static constexpr std::int64_t kOutputMost = 4 << 20;

  explicit Script(Spec spec);
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  const std::vector<Step>& next() override;
  bool take(std::int64_t number, const Outcome& outcome) override;
  std::int64_t next_number() const override { return next_number_; }
  void interrupt(std::string_view why) override;
  void outgrow(std::span<const Entry> rest, std::int64_t number) override;
  // Only while it works, or waits for resources: a step that makes or removes one may have done so already,
  // and setting up is short.
  bool can_be_interrupted() const override;
  const Ending& ending() const override { return ending_; }

 private:
  enum class Phase { setup, work, teardown, ended };
  struct Resource {
    std::string kind, name;
  };
  using Make = std::function<Step()>;

  void plan_setup();
  void plan_files(const std::vector<TaskFile>& files);
  void plan_program();
  void plan_removal(const Resource& resource);
  void empty_bucket(const Json& page);
  void take_models(const Json& reply);
  void take_setup(const Step& step, const Outcome& outcome);
  void note_made(const Step& step, const Json& reply);
  void note_removed(const Step& step);
  void take_output(const Outcome& outcome);
  void take_work(std::size_t index, const Step& step, const Outcome& outcome);
  void take_teardown(const Step& step, const Outcome& outcome);
  void wait_for_room();
  void take_room(const Step& step, const Outcome& outcome);
  void begin_work();
  void begin_teardown();
  void end();
  void fail(TaskFailure failure);
  bool keeps(std::string_view kind) const;
  void advance();

  Spec spec_;
  Agent agent_;
  Phase phase_ = Phase::setup;
  std::deque<Make> planned_;         // of setup and teardown: one after the other
  std::vector<Step> batch_;          // given out and not taken
  std::vector<std::int64_t> order_;  // the numbers of the batch, as the agent counts its steps
  std::int64_t next_number_ = 0;
  std::vector<Resource> made_;
  std::string sandbox_, model_, fetched_;
  std::int64_t context_tokens_ = 100'000;
  std::string pid_;
  bool used_key_ = false;
  std::unique_ptr<AgentLoop> agent_loop_;
  Ending ending_;
  bool set_up_ = false;  // all that was wanted was made
  Compensation undo_{spec_.request.compensation};
  int tries_ = 0;            // of setting up that were given up for want of room
  bool makes_room_ = false;  // what was made is given back, and it waits
};

}  // namespace acloud::task
