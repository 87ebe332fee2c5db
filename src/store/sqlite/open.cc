#include "store/sqlite/open.h"

#include <filesystem>

#include "store/migrate.h"
#include "store/sessions.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/reads_here.h"

namespace acloud::store::sqlite {
namespace {

class SqliteDatabase final : public Sessions {
 public:
  SqliteDatabase(std::unique_ptr<GroupWriter> writer, std::unique_ptr<ReaderPool> readers,
                 std::shared_ptr<ReadsHere> here)
      : Sessions(std::move(writer), std::move(readers)), here_(std::move(here)) {}
  std::string_view kind() const override { return "sqlite"; }

 protected:
  bool run_here(detail::ReadJob& job) override {
    here_->run(job);
    return true;
  }

 private:
  const std::shared_ptr<ReadsHere> here_;  // shared with the writer, which goes later
};

}  // namespace

Result<std::unique_ptr<Database>> open(const OpenOptions& options, const std::vector<Migration>& migrations) {
  if (options.sqlite_vfs.empty()) {
    std::error_code error;
    std::filesystem::create_directories(options.data_folder, error);
    if (error) return fail_errno(error.value(), options.data_folder);
  }
  const Location location{.path = (std::filesystem::path(options.data_folder) / "acloud.db").string(),
                          .vfs = options.sqlite_vfs};
  using Role = SqliteConnection::Role;
  ACLOUD_TRY(auto connection, SqliteConnection::open(location, Role::writer));
  ACLOUD_CHECK(migrate(*connection, migrations));
  const auto connect_reader = [location]() -> Result<std::unique_ptr<Connection>> {
    return SqliteConnection::open(location, Role::reader);
  };
  auto here = std::make_shared<ReadsHere>(connect_reader);
  connection->when_committed([here](bool log_is_long) { here->renew(!log_is_long); });
  auto writer = std::make_unique<GroupWriter>(std::move(connection), GroupWriter::HandOut::when_run,
                                              options.group_limit);
  ACLOUD_TRY(auto readers, ReaderPool::start(options.readers, connect_reader));
  return std::make_unique<SqliteDatabase>(std::move(writer), std::move(readers), std::move(here));
}

}  // namespace acloud::store::sqlite
