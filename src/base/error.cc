#include "base/error.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace acloud {
namespace {

// In the order of ErrorCode. 499 and 130 for `cancelled` are what nginx and shells use.
constexpr std::array<ErrorTraits, 13> kTraits{{
    {"invalid_argument", 400, 2},
    {"unauthenticated", 401, 4},
    {"budget_exceeded", 402, 5},
    {"permission_denied", 403, 5},
    {"not_found", 404, 1},
    {"conflict", 409, 1},
    {"precondition_failed", 412, 1},
    {"too_large", 413, 2},
    {"rate_limited", 429, 5},
    {"internal", 500, 1},
    {"unavailable", 503, 1},
    {"deadline_exceeded", 504, 1},
    {"cancelled", 499, 130},
}};
static_assert(kTraits.size() == static_cast<std::size_t>(ErrorCode::cancelled) + 1);

}  // namespace

const ErrorTraits& traits(ErrorCode code) { return kTraits[static_cast<std::size_t>(code)]; }

std::optional<ErrorCode> error_code(std::string_view name) {
  for (std::size_t i = 0; i < kTraits.size(); ++i) {
    if (kTraits[i].name == name) return static_cast<ErrorCode>(i);
  }
  return std::nullopt;
}

const nlohmann::json& Error::details() const {
  static const nlohmann::json none = nlohmann::json::object();
  return details_ ? *details_ : none;
}

Error&& Error::with_retry_after(std::chrono::milliseconds after) && {
  retry_after_ = after;
  return std::move(*this);
}

Error&& Error::with_detail(std::string_view name, nlohmann::json value) && {
  nlohmann::json details = this->details();
  details[std::string(name)] = std::move(value);
  details_ = std::make_shared<const nlohmann::json>(std::move(details));
  return std::move(*this);
}

Error&& Error::within(std::string_view context) && {
  message_ = fmt::format("{}: {}", context, message_);
  return std::move(*this);
}

std::unexpected<Error> fail_errno(int error_number, std::string_view what) {
  ErrorCode code = ErrorCode::internal;
  switch (error_number) {
    case ENOENT:
      code = ErrorCode::not_found;
      break;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      code = ErrorCode::unavailable;
      break;
    default:
      break;
  }
  std::array<char, 128> buffer{};
  return fail(code, "{}: {}", what, strerror_r(error_number, buffer.data(), buffer.size()));
}

}  // namespace acloud
