// What a command writes whose call has a name (kernel::Context::once): its output goes into files on the
// host, where a later server finds it, so that a call that is made again gets all of it.
//
// Bytes go from the program's pipe to its file within the kernel (splice): at whatever moment the server is
// killed, each is in one of the two, and in one alone.
#pragma once

#include <memory>
#include <string>

#include "async/task.h"
#include "sandbox/converse.h"
#include "sandbox/jail/fd.h"
#include "sandbox/pump.h"

namespace acloud::sandbox {

class CallOutput {
 public:
  static constexpr std::size_t kMost = 4 << 20;  // of each stream; what is more is dropped

  // Finds what an earlier server gathered. A file is made when there is something for it: making one costs a
  // millisecond, and many commands write nothing. Errors: the disk's.
  static Result<std::unique_ptr<CallOutput>> open(const std::string& folder, const std::string& once);
  CallOutput(const CallOutput&) = delete;
  CallOutput& operator=(const CallOutput&) = delete;
  // Removes the files, unless they were left.
  ~CallOutput();
  void leave() { left_ = true; }

  // As pump(), and `also` gets what comes from here on. REQUIRES: source out or err, each once at a time.
  Task<> gather(int pipe, Source source, Sink& also);
  // All of it, from the beginning. REQUIRES: nothing gathers. Errors: the disk's, also those of gather().
  Result<Output> read(Source source) const;

 private:
  struct Stream {
    std::string path;
    jail::Fd file;
    std::size_t size = 0;
    int refused = 0;  // the errno of a disk that took not all
  };
  explicit CallOutput(std::string folder) : folder_(std::move(folder)) {}
  Stream& of(Source source) { return source == Source::out ? out_ : err_; }
  // How many bytes it moved; 0 at the end, below 0 as read() does.
  ssize_t take(int pipe, Stream& stream, std::size_t most, std::string& bytes) const;
  bool make_file(Stream& stream) const;

  const std::string folder_;
  Stream out_, err_;
  bool left_ = false;
};

}  // namespace acloud::sandbox
