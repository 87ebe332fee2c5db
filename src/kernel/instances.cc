#include "kernel/instances.h"

namespace acloud::kernel {
namespace {

constexpr std::chrono::hours kRemembered{24};

Result<> write_lease(store::Transaction& tx, const Instance& self, Time until) {
  ACLOUD_CHECK(
      tx.execute("INSERT INTO instances (id, place, until) VALUES ($1, $2, $3) "
                 "ON CONFLICT (id) DO UPDATE SET until = excluded.until",
                 {self.id, self.place, store::to_value(until)}));
  return {};
}

}  // namespace

std::vector<store::Migration> Instances::migrations() {
  return {{"instances-1",
           "CREATE TABLE instances ("
           "  id TEXT PRIMARY KEY,"
           "  place TEXT NOT NULL,"
           "  until BIGINT NOT NULL);"
           "CREATE INDEX instances_place ON instances (place, until);"}};
}

Task<Result<>> Instances::start() {
  co_return co_await database_.write_durably(
      [self = self_, now = clock_.now()](store::Transaction& tx) -> Result<> {
        ACLOUD_CHECK(tx.execute("DELETE FROM instances WHERE (place = $1 AND id <> $2) OR until < $3",
                                {self.place, self.id, store::to_value(now - kRemembered)}));
        return write_lease(tx, self, now + kLease);
      });
}

Task<Result<>> Instances::beat() {
  co_return co_await database_.write_durably(
      [self = self_, now = clock_.now()](store::Transaction& tx) -> Result<> {
        return write_lease(tx, self, now + kLease);
      });
}

Task<Result<>> Instances::end() {
  co_return co_await database_.write_durably(
      [self = self_, now = clock_.now()](store::Transaction& tx) -> Result<> {
        return write_lease(tx, self, now);
      });
}

Result<bool> Instances::is_alive(store::Reader& reader, const std::string& id, Time now) {
  ACLOUD_TRY(const store::Rows rows, reader.query("SELECT 1 FROM instances WHERE id = $1 AND until > $2",
                                                  {id, store::to_value(now)}));
  return !rows.empty();
}

}  // namespace acloud::kernel
