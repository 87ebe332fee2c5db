// Turns a reply that grows into what is new of it each time.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "inference/live/generate.h"

namespace acloud::inference {

class ReplyDiff {
 public:
  // Without a reader all text is content. `random`, which outlives it, gives ids to tool calls that have
  // none.
  ReplyDiff(std::shared_ptr<const ReplyReader> reader, Random& random)
      : reader_(std::move(reader)), random_(&random) {}

  // What `text` adds. At the end, a reply that is not in the model's own form is content as it stands.
  Delta take(std::string_view text, bool last);
  bool called_tools() const { return !sent_.tool_calls.empty(); }

 private:
  Delta difference(ChatReply reply);

  std::shared_ptr<const ReplyReader> reader_;  // shared with the prompt it came with
  Random* random_;
  std::string text_;
  ChatReply sent_;
};

}  // namespace acloud::inference
