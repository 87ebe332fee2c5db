#include "task/schedule/on_behalf.h"

namespace acloud::task::schedule {
namespace {

constexpr std::chrono::minutes kCallTime{1};

struct Grants {
  std::vector<kernel::Grant> grants;
  static constexpr auto schema = fields(field("grants", &Grants::grants, ""));
};

}  // namespace

Task<Result<std::string>> OnBehalf::call(const kernel::Caller& caller, std::string operation, Json arguments,
                                         bool dry_run, std::string idempotency_key) {
  kernel::Call call{.request_id = "req_" + random_.hex(10), .operation = std::move(operation)};
  call.arguments = std::move(arguments);
  call.dry_run = dry_run;
  call.idempotency_key = std::move(idempotency_key);
  call.deadline = async::Deadline::after(kCallTime);
  kernel::Gate gate;
  auto reply = co_await path_->execute(caller, call, gate);
  const auto durable = co_await gate.wait();
  if (!reply) co_return std::unexpected(std::move(reply).error());
  ACLOUD_CO_CHECK(durable);
  co_return std::move(reply->json);
}

Task<std::string> OnBehalf::refusal(const kernel::Caller& caller) {
  const auto works = co_await key_works_(caller.key);
  if (!works) co_return works.error().message();
  co_return *works ? "" : "the key that made it was revoked";
}

std::string grants_text(const std::vector<kernel::Grant>& grants) { return encode(Grants{grants}); }

Result<std::vector<kernel::Grant>> grants_from(const std::string& text) {
  ACLOUD_TRY(const Json json, parse_json(text));
  ACLOUD_TRY(Grants grants, decode<Grants>(json));
  return std::move(grants.grants);
}

}  // namespace acloud::task::schedule
