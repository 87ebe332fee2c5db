// A request's body that can be sent more than once, and with changes: in memory while it is small, beyond
// that in a file without a name, so that a body of any size costs a bounded amount of memory.
//
// Without it a proxy could neither try a second server nor read a field that stands at the body's end before
// it decides where the body goes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "async/wait.h"
#include "net/http.h"

namespace acloud::net {

class ReplayBody {
 public:
  struct Options {
    std::size_t in_memory = 1 << 20;
    std::uint64_t at_most = 1ULL << 30;
    std::string folder = "/tmp";           // where the file is made; it goes with the object
    async::BlockingPool* files = nullptr;  // REQUIRES: set
  };
  // Called with every piece as it passes; its error ends the reading.
  using Watch = std::function<Result<>(std::string_view)>;

  ReplayBody() = default;
  explicit ReplayBody(std::string bytes) : bytes_(std::move(bytes)), size_(bytes_.size()) {}
  // Reads `body` to its end. Errors: too_large, those of the body and of `watch`, what the disk says.
  static Task<Result<ReplayBody>> take(Body& body, Options options, Watch watch);

  std::uint64_t size() const { return size_; }
  bool in_memory() const { return file_ == nullptr; }
  // REQUIRES: in_memory().
  const std::string& bytes() const { return bytes_; }
  // All of it. Errors: too_large beyond `limit`.
  Task<Result<std::string>> all(std::size_t limit) const;

  // Bytes begin to end are replaced with `text`.
  struct Edit {
    std::uint64_t begin;
    std::uint64_t end;
    std::string text;
  };
  // The body with `edits` done. REQUIRES: they are in order, apart, and within the body.
  Body edited(std::vector<Edit> edits) const;

 private:
  class File;
  class Pieces;
  std::string bytes_;
  std::uint64_t size_ = 0;
  std::shared_ptr<File> file_;  // shared with the bodies that are still being sent
};

}  // namespace acloud::net
