// Requests that wait, a row for each workspace, and who is next: the workspace that was served least.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>

namespace acloud::inference {

using RequestId = std::uint64_t;

class FairQueue {
 public:
  void push_back(const std::string& workspace, RequestId id);
  // For one that was served before and must start again.
  void push_front(const std::string& workspace, RequestId id);
  // Does nothing where it is not there.
  void remove(const std::string& workspace, RequestId id);
  std::size_t size() const { return size_; }

  // Tokens were computed for the workspace.
  void charge(const std::string& workspace, std::int64_t tokens);
  std::int64_t served(const std::string& workspace) const;
  // The workspace has a request that runs, beside those that wait.
  void begin(const std::string& workspace);
  void end(const std::string& workspace);

  // Takes out the first that `takes` accepts: workspaces by how little they were served, of each only its
  // first requests. Nothing where none is accepted.
  bool pop(const std::function<bool(RequestId)>& takes);

 private:
  struct Row {
    std::deque<RequestId> waiting;
    std::int64_t served = 0;
    std::size_t running = 0;
    bool busy() const { return running > 0 || !waiting.empty(); }
  };
  Row& wake(const std::string& workspace);
  void forget_idle();

  // Of workspaces that are busy, and of those that rest but were served more than somebody who is busy: they
  // come back where they were, so that resting wins nothing.
  std::map<std::string, Row> rows_;
  std::int64_t floor_ = 0;  // the least served of the busy: where one starts that is not known
  std::size_t size_ = 0;
};

}  // namespace acloud::inference
