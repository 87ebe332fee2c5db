// A rule in the first line and a target in the second: whatever they are, no target of a special network is
// let through by rules that name none, and what a target is shown as is read as the same target again.
#include "fuzz.h"
#include "sandbox/egress/rules.h"

using namespace acloud;
using namespace acloud::sandbox::egress;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  const std::size_t end = std::min(text.find('\n'), text.size());
  const auto rule = parse_rule(text.substr(0, end));
  const auto target = parse_target(text.substr(std::min(end + 1, text.size())));
  if (!target) return 0;
  const auto again = parse_target(to_string(*target));
  fuzz::require(again && again->host == target->host && again->address == target->address,
                "read as it is shown");
  if (!target->address) return 0;
  static const Rules any = Rules::parse({"*", "0.0.0.0/0", "[::]/0"}, {}).value();
  const bool special = special_network({*target->address, 128}) != nullptr;
  fuzz::require(!special || !any.check_address(*target, *target->address, {}), "special networks are named");
  if (rule && rule->network) fuzz::require(rule->network->has(rule->network->base), "a network has its base");
  return 0;
}
