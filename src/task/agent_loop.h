// An agent that acloud runs itself: the model is asked, its tool calls are done, it gets their results, until
// it answers.
//
// A pure state machine: outcomes in, steps out, so that it is replayed after a crash and simulated. Without
// its care an agent goes wrong in ways that cost money: it calls what is not there, repeats itself for ever,
// runs out of the model's window, or answers in a form that nobody can read.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/json_schema.h"
#include "task/conversation.h"
#include "task/step.h"
#include "task/tools.h"

namespace acloud::task {

class AgentLoop {
 public:
  struct Plan {
    std::string goal;
    Agent agent;
    std::string model;
    std::int64_t context_tokens = 0;
    std::vector<Tool> tools;
    std::string sandbox;  // the id of the task's own; "" for none
    std::string session;
  };
  explicit AgentLoop(Plan plan);

  // What is to be done now: one call of the model, or the calls that it asked for, which may be done side by
  // side. Steps without numbers. REQUIRES: all that the last call gave was taken; !ending().
  std::vector<Step> next();
  // What came of the step at `index` of them.
  void take(std::size_t index, const Outcome& outcome);
  const std::optional<Ending>& ending() const { return ending_; }

 private:
  struct Call {
    std::string id, name, arguments;
    std::optional<Step> step;      // nothing: it could not be made, or was denied,
    std::string result;            // and this says why
    std::optional<Step> approval;  // what is waited for before the step
    bool done = false;
  };
  void take_chat(const Outcome& outcome);
  void take_message(const OrderedJson& message);
  void take_answer(std::string text);
  void prepare(Call& call);
  bool needs_approval(const std::string& operation) const;
  void take_approval(Call& call, const Outcome& outcome);
  void finish_calls();
  void note_repeat(Call& call);
  void take_summary(const Outcome& outcome);
  std::int64_t count_usage(const OrderedJson& reply);
  std::string limit_reached() const;
  void tell(std::string_view text);
  void fail(std::string code, std::string message);
  Step ask();
  Step chat() const;
  Step chat_step(std::string name, const OrderedJson& body) const;

  Plan plan_;
  Conversation talk_;
  std::optional<JsonSchema> form_;  // of the answer
  std::vector<Call> calls_;         // that the model has asked for and that are under way
  std::vector<std::size_t> asked_;  // of these, the ones given out by next()
  std::size_t missing_ = 0;         // of these, the outcomes that are still to come
  bool in_calls_ = false;
  bool formatting_ = false;  // the answer is being put into the form of output_schema
  bool in_summary_ = false;  // old results are being summarised,
  bool summarised_ = false;  // or were, for the chat that comes next
  std::int64_t turns_ = 0;
  std::int64_t tokens_ = 0;
  std::set<std::string> children_;  // tasks that it ran
  std::string last_call_;
  int repeats_ = 0;
  std::optional<Ending> ending_;
};

}  // namespace acloud::task
