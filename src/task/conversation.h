// What a model is sent: the messages so far, kept within what it can read at once.
//
// Results of tools are what grows. Each is cut to a third of the room. When the room is full, old ones (all
// but those of the last round) give way: first a summary by the model takes their place, then, where that is
// off, does not fit or fails, their beginnings and ends, then a note of how long they were.
#pragma once

#include <string>
#include <vector>

#include "base/schema.h"

namespace acloud::task {

class Conversation {
 public:
  struct Limits {
    std::int64_t context_tokens = 0;
    std::size_t tools_bytes = 0;  // of the tools that are sent along
    bool summarise = true;
  };
  explicit Conversation(Limits limits) : limits_(limits) {}

  const OrderedJson& messages() const { return messages_; }
  void add(OrderedJson message) { messages_.push_back(std::move(message)); }
  // The model says how many tokens the messages were: so many bytes there are in one.
  void learn(std::int64_t prompt_tokens);
  // As much of a result as may be added.
  std::string shortened(std::string text) const;

  // Messages that ask for a summary of old results, with max_completion_tokens; null where nothing needs to
  // give way, or a summary is no help.
  OrderedJson summary_request();
  // What came of it; "" where it failed. REQUIRES: summary_request() gave one, and nothing was added since.
  void summarise(const std::string& summary);
  // Makes room without a model.
  void fit();

 private:
  std::size_t size() const;
  std::size_t room() const;
  std::vector<std::size_t> old_results(std::size_t worth) const;

  Limits limits_;
  OrderedJson messages_ = OrderedJson::array();
  double bytes_per_token_ = 2.5;
  std::vector<std::size_t> asked_;  // the messages that a summary is to stand for
};

}  // namespace acloud::task
