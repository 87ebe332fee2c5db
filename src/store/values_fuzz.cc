// SQL parameters: whatever is bound comes back as it was, or is refused; and PostgreSQL's bytes are only
// decoded where they are well-formed.
//
// The input is read as a list of values: a byte for the type, then the value (a length byte before text and
// bytes). What is left is decoded as if PostgreSQL had sent it.
#include <cmath>
#include <cstring>

#include "fuzz.h"
#include "store/postgres/values.h"
#include "store/sqlite/connection.h"

namespace acloud::store {
namespace {

class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  std::string take(std::size_t size) {
    std::string taken(rest_.substr(0, size));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::size_t byte() { return empty() ? 0 : static_cast<unsigned char>(take(1)[0]); }
  template <class T>
  T number() {
    T value{};
    const std::string bytes = take(sizeof value);
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }

 private:
  std::string_view rest_;
};

Params read_params(Input& input) {
  Params params;
  while (!input.empty() && params.size() < 8) {
    switch (input.byte() % 6) {
      case 0:
        params.emplace_back();
        break;
      case 1:
        params.emplace_back(input.number<std::int64_t>());
        break;
      case 2:
        params.emplace_back(input.number<double>());
        break;
      case 3:
        params.emplace_back(input.take(input.byte()));
        break;
      case 4:
        params.emplace_back(Bytes{input.take(input.byte())});
        break;
      default:
        return params;
    }
  }
  return params;
}

void through_sqlite(const Params& params) {
  static const auto connection =
      sqlite::SqliteConnection::open({.path = ":memory:", .vfs = ""}, sqlite::SqliteConnection::Role::reader)
          .value();
  std::string sql = "SELECT 1";
  for (std::size_t i = 1; i <= params.size(); ++i) sql += fmt::format(", ${}", i);
  const auto rows = connection->query(sql, params);
  fuzz::require(rows && rows->size() == 1, "a row came back");
  for (std::size_t i = 0; i < params.size(); ++i) {
    fuzz::require(rows->at(0).values.at(i + 1) == params[i], "the value is the same");
  }
}

// What is sent to PostgreSQL in binary form is what it would send back.
void through_postgres(const Params& params) {
  const postgres::BoundParams bound(params);
  for (std::size_t i = 0; i < params.size(); ++i) {
    if (bound.values()[i] == nullptr) {
      fuzz::require(std::holds_alternative<std::monostate>(params[i]), "only NULL is null");
      continue;
    }
    const std::string_view bytes(bound.values()[i], static_cast<std::size_t>(bound.lengths()[i]));
    const auto value = postgres::decode(bound.types()[i], bytes);
    fuzz::require(value && *value == params[i], "the value is the same");
  }
}

}  // namespace
}  // namespace acloud::store

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace acloud::store;
  Input input(acloud::fuzz::text(data, size));
  const Params params = read_params(input);
  if (check_params(params)) {
    through_sqlite(params);
    through_postgres(params);
  }
  for (const Oid type :
       {postgres::kBool, postgres::kInt2, postgres::kInt4, postgres::kInt8, postgres::kFloat4,
        postgres::kFloat8, postgres::kText, postgres::kBytea, postgres::kNumeric, postgres::kUnknown}) {
    std::ignore = postgres::decode(type, input.rest());
  }
  return 0;
}
