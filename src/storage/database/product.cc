#include "storage/database/product.h"

namespace acloud::storage {
namespace {

using kernel::Effect;

template <class Request>
std::string database_of(const Request& request) {
  return "database/" + request.name;
}

}  // namespace

void declare(kernel::Catalog& catalog, DatabaseService& service) {
  auto& database = catalog.add("database", "SQL databases, each on its own, made in a moment.");
  database.operation<DatabaseName, DatabaseEntry>("create")
      .summary("Make an empty database.")
      .keywords("new sql sqlite tables relational")
      .effect(Effect::write)
      .resource(database_of<DatabaseName>)
      .example("One for sales", R"({"name":"sales"})")
      .handler(service, &DatabaseService::create);
  database.operation<QueryDatabase, QueryReply>("query")
      .summary("Run SQL: one statement, or several as one transaction.")
      .keywords("sql select insert update table rows statement run read write data sqlite")
      .description(
          "The SQL is SQLite's, or PostgreSQL's where the server stores on PostgreSQL: database.get says "
          "which. "
          "What it changed is on disk when the reply comes; where it fails, nothing was changed.")
      .effect(Effect::write)
      .resource(database_of<QueryDatabase>)
      .example(
          "Make a table and fill it",
          R"json({"name":"sales","sql":"CREATE TABLE IF NOT EXISTS orders (city TEXT, total INTEGER); INSERT INTO orders VALUES ('Oslo', 120), ('Lima', 80)"})json")
      .example(
          "Ask, with a value beside the SQL",
          R"json({"name":"sales","sql":"SELECT city, SUM(total) FROM orders WHERE total > $1 GROUP BY city","params":[100]})json")
      .handler(service, &DatabaseService::query);
  database.operation<DatabaseName, DatabaseInfo>("get")
      .summary("Tell what a database holds: its tables and their columns.")
      .keywords("show schema tables columns describe structure")
      .resource(database_of<DatabaseName>)
      .example("Its tables", R"({"name":"sales"})")
      .handler(service, &DatabaseService::get);
  database.operation<ListDatabases, DatabaseList>("list")
      .summary("List the workspace's databases.")
      .keywords("show which all sql databases")
      .example("The first page", "{}")
      .handler(service, &DatabaseService::list);
  database.operation<DatabaseName, DatabaseName>("delete")
      .summary("Delete a database with everything in it.")
      .keywords("remove drop sql database")
      .effect(Effect::destroy)
      .resource(database_of<DatabaseName>)
      .example("Delete it", R"({"name":"sales"})")
      .handler(service, &DatabaseService::remove);
}

}  // namespace acloud::storage
