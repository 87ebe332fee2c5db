#include "store/database.h"

#include "store/postgres/open.h"
#include "store/sqlite/open.h"

namespace acloud::store {
namespace {

struct OneQuery {
  std::string sql;
  Params params;
  Result<Rows> operator()(Reader& reader) const { return reader.query(sql, params); }
};

}  // namespace

Task<Result<Rows>> Database::query(std::string sql, Params params) {
  detail::Call<Reader, std::monostate, OneQuery> call(OneQuery{std::move(sql), std::move(params)});
  detail::ReadJob& job = call;
  job.one_statement = true;
  ACLOUD_CO_CHECK(co_await detail::JobAwaiter(*this, job));
  co_return call.value();
}

Result<std::unique_ptr<Database>> open(const OpenOptions& options, const std::vector<Migration>& migrations) {
  if (options.url == "sqlite") return sqlite::open(options, migrations);
  if (options.url.starts_with("postgres://") || options.url.starts_with("postgresql://")) {
    return postgres::open(options, migrations);
  }
  return fail(ErrorCode::invalid_argument,
              "store.url: neither \"sqlite\" nor \"postgres://user@host/database\"");
}

}  // namespace acloud::store
