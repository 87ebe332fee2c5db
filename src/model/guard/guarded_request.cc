#include "model/guard/guarded_request.h"

namespace acloud::model::guard {
namespace {

constexpr std::size_t kLookedThrough = 64 << 20;

Result<kernel::Payload> with_body(const kernel::Payload& payload, std::string body) {
  kernel::Payload changed{.form = payload.form,
                          .headers = payload.headers,
                          .query = payload.query,
                          .body = net::ReplayBody(std::move(body)),
                          .outline = {},
                          .batch = payload.batch};
  ACLOUD_CHECK(changed.outline.feed(changed.body.bytes()));
  ACLOUD_CHECK(changed.outline.finish());
  return changed;
}

}  // namespace

Task<Result<std::optional<kernel::Payload>>> admit(const Guard& guard, const std::string& model,
                                                   const kernel::Payload& payload, Findings& findings) {
  ACLOUD_CO_CHECK(guard.admit(model, payload.body.size()));
  if (!guard.watches(Side::request)) co_return std::nullopt;
  std::string kept;
  if (!payload.body.in_memory()) {
    ACLOUD_CO_TRY(kept, co_await payload.body.all(kLookedThrough));
  }
  const std::string_view body = payload.body.in_memory() ? std::string_view(payload.body.bytes()) : kept;
  ACLOUD_CO_TRY(auto masked, guard.inspect(body, Side::request, findings));
  if (!masked) co_return std::nullopt;
  ACLOUD_CO_TRY(kernel::Payload changed, with_body(payload, *std::move(masked)));
  co_return std::optional(std::move(changed));
}

}  // namespace acloud::model::guard
