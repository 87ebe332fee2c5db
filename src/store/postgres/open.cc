#include "store/postgres/open.h"

#include "store/migrate.h"
#include "store/postgres/connection.h"
#include "store/sessions.h"

namespace acloud::store::postgres {
namespace {

// Beyond 64 subtransactions (savepoints) PostgreSQL keeps their list on disk, which slows down every reader.
constexpr std::size_t kMaxGroup = 64;

class PostgresDatabase final : public Sessions {
 public:
  using Sessions::Sessions;
  std::string_view kind() const override { return "postgres"; }

 protected:
  bool run_here(detail::ReadJob&) override { return false; }  // it would wait for the network
};

}  // namespace

Result<std::unique_ptr<Database>> open(const OpenOptions& options, const std::vector<Migration>& migrations) {
  using Access = Session::Access;
  auto connection = std::make_unique<PostgresConnection>(options.url, Access::read_write);
  ACLOUD_CHECK(migrate(*connection, migrations));
  auto writer = std::make_unique<GroupWriter>(std::move(connection), GroupWriter::HandOut::when_committed,
                                              std::min(options.group_limit, kMaxGroup));
  ACLOUD_TRY(auto readers,
             ReaderPool::start(options.readers, [url = options.url]() -> Result<std::unique_ptr<Connection>> {
               return std::make_unique<PostgresConnection>(url, Access::read_only);
             }));
  return std::make_unique<PostgresDatabase>(std::move(writer), std::move(readers));
}

}  // namespace acloud::store::postgres
