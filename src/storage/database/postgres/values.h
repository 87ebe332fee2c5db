// JSON values as PostgreSQL has them, and back.
#pragma once

#include <libpq-fe.h>

#include <string>
#include <vector>

#include "base/json.h"

namespace acloud::storage::postgres {

// A column's value in text form. Truth values, numbers (where JSON's keep every digit) and JSON become what
// they are, bytes {"base64": ...}, all else text.
Json to_json(Oid type, std::string_view text);

// Parameters as libpq takes them. What they point to lives here.
class Params {
 public:
  // Errors: invalid_argument (a list, another object, NUL in text).
  static Result<Params> of(const std::vector<Json>& values);
  int count() const { return static_cast<int>(texts_.size()); }
  const Oid* types() const { return types_.data(); }
  std::vector<const char*> pointers() const;
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }

 private:
  Result<> add(std::size_t place, const Json& value);

  std::vector<std::string> texts_;
  std::vector<bool> nulls_;
  std::vector<Oid> types_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
};

}  // namespace acloud::storage::postgres
