// An agent that acloud runs itself: the model is asked, its tool calls are done, it gets their results, until
// it answers.
//
// A pure state machine: outcomes in, steps out, so that it is replayed after a crash and simulated. Without
// its care an agent goes wrong in ways that cost money: it calls what is not there, repeats itself for ever,
// or runs out of the model's window.
#pragma once

#include <map>
#include <string>
#include <vector>

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
  void fit();
  std::size_t size() const;
  std::size_t room() const;
  std::string shortened(std::string text) const;
  void tell(std::string_view text);
  void fail(std::string code, std::string message);
  Step chat() const;

  Plan plan_;
  OrderedJson messages_ = OrderedJson::array();
  std::vector<Call> calls_;         // that the model has asked for and that are under way
  std::vector<std::size_t> asked_;  // of these, the ones given out by next()
  std::size_t missing_ = 0;         // of these, the outcomes that are still to come
  bool in_calls_ = false;
  bool formatting_ = false;  // the answer is being put into the form of output_schema
  std::int64_t turns_ = 0;
  std::int64_t tokens_ = 0;
  int corrections_ = 0;
  double bytes_per_token_ = 2.5;
  std::string last_call_;
  int repeats_ = 0;
  std::optional<Ending> ending_;
};

}  // namespace acloud::task
