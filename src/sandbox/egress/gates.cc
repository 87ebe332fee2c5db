#include "sandbox/egress/gates.h"

namespace acloud::sandbox {

Task<Result<>> Gates::set(jail::Jail& jail, const Egress& wanted, async::Deadline by) {
  close_others(wanted);
  if (wanted.cloud && !cloud_) {
    ACLOUD_CO_TRY(jail::Fd listener, co_await jail.listen(kCloudPort, by));
    cloud_ = outside_.cloud(std::move(listener), jail.id());
  }
  if (wanted.allow.empty()) co_return Result<>();
  ACLOUD_CO_TRY(egress::Rules rules, egress::Rules::parse(wanted.allow, wanted.deny));
  if (proxy_) {
    proxy_->set(std::move(rules));
    co_return Result<>();
  }
  ACLOUD_CO_TRY(jail::Fd listener, co_await jail.listen(kProxyPort, by));
  proxy_ = outside_.proxy->open(std::move(listener), jail.id(), workspace_, std::move(rules));
  co_return Result<>();
}

void Gates::close_others(const Egress& wanted) {
  if (!wanted.cloud) cloud_.reset();
  if (wanted.allow.empty()) proxy_.reset();
}

std::map<std::string, std::string> egress_environment(const Egress& wanted) {
  std::map<std::string, std::string> env;
  if (wanted.cloud) env["ACLOUD_URL"] = fmt::format("http://127.0.0.1:{}", kCloudPort);
  if (wanted.allow.empty()) return env;
  const std::string proxy = fmt::format("http://127.0.0.1:{}", kProxyPort);
  for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"}) env[name] = proxy;
  for (const char* name : {"NO_PROXY", "no_proxy"}) env[name] = "127.0.0.1,localhost,::1";
  env["NODE_USE_ENV_PROXY"] = "1";  // newer ones of node heed the others then
  return env;
}

}  // namespace acloud::sandbox
