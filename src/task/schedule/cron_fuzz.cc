#include "fuzz.h"
#include "task/schedule/cron.h"

// Whatever is read as cron gives a next time that lies after the one that was asked from, and fits.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace acloud::task::schedule;
  const std::string_view text(reinterpret_cast<const char*>(data), size);  // NOLINT: bytes as text
  const auto cron = parse_cron(text);
  if (!cron) return 0;
  static const auto zone = Zone::find("UTC");
  const acloud::Time from{std::chrono::seconds{1'795'000'000}};
  const auto next = next_after(*cron, *zone, from);
  if (!next) return 0;
  if (*next <= from) __builtin_trap();
  const LocalSeconds local = zone->to_local(*next);
  const auto minute = std::chrono::floor<std::chrono::minutes>(local.time_since_epoch()).count();
  if (!cron->minutes[static_cast<std::size_t>(minute % 60)]) __builtin_trap();
  return 0;
}
