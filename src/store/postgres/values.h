// Values in PostgreSQL's binary form: no number is printed and parsed again, no byte is escaped.
#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>
#include <vector>

#include "store/sql.h"

namespace acloud::store::postgres {

// Type numbers of PostgreSQL (pg_type), the same in every installation.
enum TypeId : Oid {
  kUnknown = 0,
  kBool = 16,
  kBytea = 17,
  kName = 19,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kFloat4 = 700,
  kFloat8 = 701,
  kBpchar = 1042,
  kVarchar = 1043,
  kNumeric = 1700,
};

// Parameters as libpq takes them. They point into `params`, which must outlive this.
class BoundParams {
 public:
  explicit BoundParams(const Params& params);
  int count() const { return static_cast<int>(types_.size()); }
  const Oid* types() const { return types_.data(); }
  const char* const* values() const { return values_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }
  // One letter for each type: statements are prepared once for each SQL and signature.
  const std::string& signature() const { return signature_; }

 private:
  std::vector<Oid> types_;
  std::vector<const char*> values_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
  std::vector<std::array<char, 8>> numbers_;
  std::string signature_;
};

// One column's value in binary form; a truth value is 0 or 1, a numeric without decimals an integer, as
// SQLite has them. Errors: internal (a type that the store doesn't know; malformed bytes).
Result<Value> decode(Oid type, std::string_view bytes);

}  // namespace acloud::store::postgres
