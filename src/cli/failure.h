// Why a command did not do what it was asked, as standard error and the exit code say it.
#pragma once

#include <expected>
#include <string>

#include "base/error.h"

namespace acloud::cli {

struct Failure {
  Failure(Error what) : error(std::move(what)) {}  // NOLINT: every error is a failure

  Error error;
  std::string request_id;    // of the server's answer
  bool unreachable = false;  // no server was there to be asked

  // As the contract's table has it.
  int exit_code() const { return unreachable ? 3 : traits(error.code()).exit_code; }
};

template <class T = void>
using Outcome = std::expected<T, Failure>;

}  // namespace acloud::cli
