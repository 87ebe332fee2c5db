// What can be expected to fail returns Result<T>; an Error says what, with which value, and what to do.
//
// The codes are a closed set, mapped once (traits) to the HTTP status and the exit code that the outside
// sees, so that no surface invents a mapping of its own. Exceptions are for bugs alone.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <expected>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace acloud {

enum class ErrorCode {
  invalid_argument,     // malformed, unknown or wrong fields
  unauthenticated,      // no key, or one that is not known
  budget_exceeded,      // the call would cost more than is left
  permission_denied,    // a grant or a policy forbids it
  not_found,            // no such thing in the caller's workspace
  conflict,             // exists already, or another request is under way
  precondition_failed,  // `if_match` and the like did not hold
  too_large,            // over a documented size
  rate_limited,         // too many calls; retry_after says when
  internal,             // a fault of ours
  unavailable,          // overloaded, draining, upstream gone; retry_after says when
  deadline_exceeded,    // not done in time
  cancelled,            // the caller went away; never sent, since nobody is there to read it
};

struct ErrorTraits {
  std::string_view name;
  int http_status;
  int exit_code;
};

const ErrorTraits& traits(ErrorCode code);
// Nothing where no code has that name.
std::optional<ErrorCode> error_code(std::string_view name);

class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  std::optional<std::chrono::milliseconds> retry_after() const { return retry_after_; }
  // A JSON object of machine-readable facts, such as {"field": "limits.memory_bytes"}; empty if there are
  // none.
  const nlohmann::json& details() const;

  Error&& with_retry_after(std::chrono::milliseconds after) &&;
  Error&& with_detail(std::string_view name, nlohmann::json value) &&;
  // Puts "<context>: " before the message.
  Error&& within(std::string_view context) &&;

 private:
  ErrorCode code_;
  std::string message_;
  std::optional<std::chrono::milliseconds> retry_after_;
  std::shared_ptr<const nlohmann::json> details_;  // shared: an Error is copied, its facts never change
};

template <class T = void>
using Result = std::expected<T, Error>;

// return fail(ErrorCode::not_found, "no bucket {}", name);
template <class... Args>
std::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error(code, fmt::format(format, std::forward<Args>(args)...)));
}

// The failure of a system call: "<what>: <strerror>", as `not_found` for ENOENT, `unavailable` where the
// machine is out of something (ENOSPC, ENOMEM, EMFILE, EAGAIN, EDQUOT), else `internal`.
std::unexpected<Error> fail_errno(int error_number, std::string_view what);

}  // namespace acloud

// Runs `expression`, a Result; on failure returns its error, else gives its value to `declaration`.
//   ACLOUD_TRY(auto bucket, find_bucket(name));          in a function
//   ACLOUD_CO_TRY(auto rows, co_await db.read(query));   in a coroutine
#define ACLOUD_TRY_JOIN2(a, b) a##b
#define ACLOUD_TRY_JOIN(a, b) ACLOUD_TRY_JOIN2(a, b)
#define ACLOUD_TRY_IMPL(result, ret, declaration, ...)         \
  auto result = (__VA_ARGS__);                                 \
  if (!result) ret std::unexpected(std::move(result).error()); \
  declaration = *std::move(result)
#define ACLOUD_TRY(declaration, ...) \
  ACLOUD_TRY_IMPL(ACLOUD_TRY_JOIN(try_result_, __COUNTER__), return, declaration, __VA_ARGS__)
#define ACLOUD_CO_TRY(declaration, ...) \
  ACLOUD_TRY_IMPL(ACLOUD_TRY_JOIN(try_result_, __COUNTER__), co_return, declaration, __VA_ARGS__)
// The same for a Result<void>, or where the value is not wanted.
#define ACLOUD_CHECK_IMPL(result, ret, ...) \
  if (auto result = (__VA_ARGS__); !result) ret std::unexpected(std::move(result).error())
#define ACLOUD_CHECK(...) ACLOUD_CHECK_IMPL(ACLOUD_TRY_JOIN(try_result_, __COUNTER__), return, __VA_ARGS__)
#define ACLOUD_CO_CHECK(...) \
  ACLOUD_CHECK_IMPL(ACLOUD_TRY_JOIN(try_result_, __COUNTER__), co_return, __VA_ARGS__)
