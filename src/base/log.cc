#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "base/clock.h"
#include "base/schema.h"

namespace acloud::log {
namespace {

std::atomic<Level> minimum{Level::info};

spdlog::logger& sink() {
  static const auto logger = [] {
    auto made = std::make_shared<spdlog::logger>("acloud", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

std::string_view name(Level level) {
  constexpr std::array<std::string_view, 4> kNames{"debug", "info", "warn", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

}  // namespace

void set_level(Level level) { minimum.store(level, std::memory_order_relaxed); }
bool enabled(Level level) { return level >= minimum.load(std::memory_order_relaxed); }

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  std::string line =
      fmt::format(R"({{"time":"{}","level":"{}","message":)", to_rfc3339(SystemClock().now()), name(level));
  append_json_string(line, message);
  for (const Field& field : fields) {
    line += ',';
    append_json_string(line, field.name);
    line += ':';
    std::visit(
        [&line]<class T>(const T& value) {
          if constexpr (std::same_as<T, std::string_view>) {
            append_json_string(line, value);
          } else {
            schema::Codec<T>::encode(value, line);
          }
        },
        field.value);
  }
  line += '}';
  sink().log(spdlog::level::info, "{}", line);
}

}  // namespace acloud::log
