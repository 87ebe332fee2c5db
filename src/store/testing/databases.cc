#include "store/testing/databases.h"

#include <filesystem>

#include "store/testing/postgres_server.h"

namespace acloud::store::testing {

TemporaryFolder::TemporaryFolder()
    : path_((std::filesystem::temp_directory_path() / "acloud-store-XXXXXX").string()) {
  if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary folder");
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

OnEachDatabase::OnEachDatabase() {
  options_.data_folder = folder_.path();
  if (!on_sqlite()) options_.url = PostgresServer::shared().make_database().value();
}

Result<std::unique_ptr<Database>> OnEachDatabase::try_open(const std::vector<Migration>& migrations) {
  return store::open(options_, migrations);
}

Database& OnEachDatabase::open(const std::vector<Migration>& migrations) {
  auto opened = try_open(migrations);
  if (!opened) throw std::runtime_error(opened.error().message());
  return *databases_.emplace_back(*std::move(opened));
}

}  // namespace acloud::store::testing
