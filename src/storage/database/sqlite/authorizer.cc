#include "storage/database/sqlite/authorizer.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace acloud::storage::sqlite {
namespace {

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

template <std::size_t N>
bool is_one_of(const char* name, const std::array<std::string_view, N>& names) {
  return name != nullptr &&
         std::ranges::any_of(names, [&](std::string_view each) { return same(name, each); });
}

// They tell about the database; an argument says of what.
constexpr std::array<std::string_view, 12> kReading = {
    "table_info",      "table_xinfo", "table_list",       "index_list",
    "index_info",      "index_xinfo", "foreign_key_list", "foreign_key_check",
    "integrity_check", "quick_check", "collation_list",   "function_list"};
// An argument would set them.
constexpr std::array<std::string_view, 5> kShowing = {"page_count", "page_size", "freelist_count",
                                                      "schema_version", "encoding"};
// They may be set as well: the first two are kept in the database, the rest end with the query.
constexpr std::array<std::string_view, 2> kKept = {"user_version", "application_id"};
constexpr std::array<std::string_view, 4> kPassing = {"foreign_keys", "defer_foreign_keys",
                                                      "recursive_triggers", "case_sensitive_like"};
constexpr std::array<std::string_view, 2> kFunctions = {"load_extension", "fts3_tokenizer"};
constexpr std::string_view kOwnTable = "_acloud_calls";
constexpr std::array<std::string_view, 3> kModules = {"fts5", "fts5vocab", "rtree"};

}  // namespace

void Authorizer::watch(sqlite3* database) { sqlite3_set_authorizer(database, &Authorizer::on_action, this); }

int Authorizer::on_action(void* self, int action, const char* first, const char* second, const char*,
                          const char*) {
  return static_cast<Authorizer*>(self)->decide(action, first, second);
}

int Authorizer::refuse(std::string what) {
  if (refused_.empty()) refused_ = std::move(what);
  return SQLITE_DENY;
}

int Authorizer::decide(int action, const char* first, const char* second) {
  if (!strict_) return SQLITE_OK;
  const bool names_own =
      (first != nullptr && same(first, kOwnTable)) || (second != nullptr && same(second, kOwnTable));
  if (names_own && !own_ && action != SQLITE_ANALYZE) return refuse("table " + std::string(kOwnTable));
  switch (action) {
    case SQLITE_ATTACH:  // VACUUM, too, which attaches a file of its own, or one that it is told
      return refuse("ATTACH or VACUUM");
    case SQLITE_DETACH:
      return refuse("DETACH");
    case SQLITE_PRAGMA:
      if (is_one_of(first, kKept)) return SQLITE_OK;
      if (is_one_of(first, kPassing)) {
        leaves_traces_ = leaves_traces_ || second != nullptr;
        return SQLITE_OK;
      }
      if (is_one_of(first, kReading) || (second == nullptr && is_one_of(first, kShowing))) return SQLITE_OK;
      return refuse(std::string("PRAGMA ") + (first == nullptr ? "" : first));
    case SQLITE_FUNCTION:
      if (is_one_of(second, kFunctions)) return refuse(std::string("function ") + second);
      return SQLITE_OK;
    case SQLITE_CREATE_VTABLE:
      if (is_one_of(second, kModules)) return SQLITE_OK;
      return refuse(std::string("virtual tables of module ") + (second == nullptr ? "" : second));
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
      transaction_ = true;
      commits_ = first != nullptr && (same(first, "COMMIT") || same(first, "RELEASE"));
      return SQLITE_OK;
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
      leaves_traces_ = true;
      return SQLITE_OK;
    default:
      return SQLITE_OK;
  }
}

}  // namespace acloud::storage::sqlite
