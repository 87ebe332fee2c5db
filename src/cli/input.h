// What a command reads: files and standard input, whole or as a stream.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "net/http.h"

namespace acloud::cli {

// Reads whole files, each once: a request that is put together a second time finds the same text, even where
// it came from standard input.
class Files {
 public:
  explicit Files(int standard_input) : standard_input_(standard_input) {}
  // "-" is standard input. Errors: not_found, invalid_argument, too_large (16 MiB), cancelled (Ctrl-C).
  Result<std::string> read(const std::string& path);

 private:
  int standard_input_;
  std::map<std::string, std::string> read_;
};

// A file as a request's body, read at the pace of the sending; its length is known where it is a plain file.
// Errors: not_found, invalid_argument.
Result<net::Body> body_of(const std::string& path, int standard_input);

}  // namespace acloud::cli
