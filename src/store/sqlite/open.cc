#include "store/sqlite/open.h"

#include <filesystem>

#include "store/migrate.h"
#include "store/sessions.h"
#include "store/sqlite/connection.h"

namespace acloud::store::sqlite {
namespace {

class SqliteDatabase final : public Sessions {
 public:
  using Sessions::Sessions;
  std::string_view kind() const override { return "sqlite"; }

 protected:
  bool run_here(detail::ReadJob& job) override {
    readers_->run_here(job);
    return true;
  }
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
  auto writer = std::make_unique<GroupWriter>(std::move(connection), GroupWriter::HandOut::when_run,
                                              options.group_limit);
  ACLOUD_TRY(auto readers,
             ReaderPool::start(options.readers, [location]() -> Result<std::unique_ptr<Connection>> {
               return SqliteConnection::open(location, Role::reader);
             }));
  return std::make_unique<SqliteDatabase>(std::move(writer), std::move(readers));
}

}  // namespace acloud::store::sqlite
