#include "identity/identity_service.h"

namespace acloud::identity {
namespace {

using kernel::Context;
using store::Bytes;
using store::Params;
using store::Rows;

std::unexpected<Error> no_such(std::string_view what, const std::string& id) {
  return fail(ErrorCode::not_found, "no {} {}", what, id);
}

// The workspace that a request means: the caller's, or another where the caller is an operator. To others
// another workspace does not exist.
Result<std::string> workspace_of(const Context& context, const std::optional<std::string>& named) {
  if (!named || *named == context.workspace()) return context.workspace();
  if (!context.caller.is_operator || !context.caller.grants.empty()) return no_such("workspace", *named);
  return *named;
}

Result<KeyInfo> to_key(const store::Row& row) {
  KeyInfo info{.id = row.text(0),
               .name = row.text(1),
               .workspace = row.text(2),
               .principal = row.text(3),
               .grant = {},
               .parent = {},
               .created = row.time(6)};
  if (!row.is_null(4)) {
    ACLOUD_TRY(const Json json, parse_json(row.text(4)));
    ACLOUD_TRY(info.grant, decode<kernel::Grant>(json));
  }
  if (!row.is_null(5)) info.parent = row.text(5);
  return info;
}

// All keys that work and were made with `id`, directly or not, and `id` itself.
Result<std::vector<std::string>> family(store::Reader& reader, const std::string& id) {
  std::vector<std::string> ids{id};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ACLOUD_TRY(const Rows rows,
               reader.query("SELECT id FROM api_keys WHERE parent = $1 AND revoked IS NULL", {ids[i]}));
    for (const store::Row& row : rows) ids.push_back(row.text(0));
  }
  return ids;
}

}  // namespace

bool is_name(std::string_view text) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text.size() <= 64 && plain(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

Task<Result<Workspace>> IdentityService::create_workspace(Context& context, CreateWorkspace request) {
  Workspace made{.id = Id<WorkspaceKind>::make(context.random).text(),
                 .name = request.name,
                 .created = context.clock.now()};
  co_return co_await context.commit([made](store::Transaction& tx) -> Result<Workspace> {
    ACLOUD_TRY(const Rows same, tx.query("SELECT id FROM workspaces WHERE name = $1", {made.name}));
    if (!same.empty()) {
      return fail(ErrorCode::conflict, "there is a workspace named {} already: {}", made.name,
                  same.front().text(0));
    }
    ACLOUD_CHECK(tx.execute("INSERT INTO workspaces (id, name, created) VALUES ($1, $2, $3)",
                            {made.id, made.name, store::to_value(made.created)}));
    return made;
  });
}

Task<Result<WorkspaceList>> IdentityService::list_workspaces(Context& context, ListRequest request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  const std::int64_t limit = request.limit;
  co_return co_await context.read([after, limit](store::Reader& reader) -> Result<WorkspaceList> {
    ACLOUD_TRY(const Rows rows, reader.query("SELECT id, name, created FROM workspaces WHERE id > $1 "
                                             "ORDER BY id LIMIT $2",
                                             {after, limit + 1}));
    WorkspaceList list;
    for (const store::Row& row : rows) {
      if (std::ssize(list.items) == limit) {
        list.next_cursor = kernel::to_cursor(list.items.back().id);
        break;
      }
      list.items.push_back({.id = row.text(0), .name = row.text(1), .created = row.time(2)});
    }
    return list;
  });
}

Task<Result<Deleted>> IdentityService::delete_workspace(Context& context, ById request) {
  if (request.id == kDefaultWorkspace) {
    co_return fail(ErrorCode::invalid_argument, "id: the workspace default holds the root key and stays");
  }
  auto deleted = co_await context.commit([this, id = request.id](store::Transaction& tx) -> Result<Deleted> {
    ACLOUD_TRY(const std::int64_t gone, tx.execute("DELETE FROM workspaces WHERE id = $1", {id}));
    if (gone == 0) return no_such("workspace", id);
    ACLOUD_CHECK(tx.execute("DELETE FROM api_keys WHERE workspace = $1", {id}));
    for (const ForgetWorkspace& forget : contents_) ACLOUD_CHECK(forget(tx, id));
    return Deleted{id};
  });
  keys_.forget();
  co_return deleted;
}

Task<Result<NewKey>> IdentityService::create_key(Context& context, CreateKey request) {
  ACLOUD_CO_TRY(const std::string workspace, workspace_of(context, request.workspace));
  const kernel::Caller& caller = context.caller;
  const std::string digits = context.random.hex(20);
  NewKey made{
      .id = Id<KeyKind>::make(context.random).text(), .key = "acloud_" + digits, .workspace = workspace};
  // A narrowed caller's key hangs below its own; an unnarrowed one's stands by itself. A task's key is the
  // task again, whatever it is called: so what it does counts as the task's, and it stops with the key of its
  // owner.
  const bool of_task = caller.principal.starts_with("task_");
  const bool below = of_task || !caller.grants.empty();
  const store::Value parent = below ? store::Value(caller.key) : store::Value();
  const store::Value grant = request.grant ? store::Value(encode(*request.grant)) : store::Value();
  const bool is_operator = caller.is_operator && workspace == caller.workspace && caller.grants.empty();
  const Params row{made.id,
                   workspace,
                   request.name,
                   of_task ? caller.principal : "key/" + request.name,
                   Bytes{sha256(digits)},
                   grant,
                   parent,
                   std::int64_t{is_operator && !request.grant},
                   store::to_value(context.clock.now())};
  co_return co_await context.commit([row, made](store::Transaction& tx) -> Result<NewKey> {
    ACLOUD_TRY(const Rows found, tx.query("SELECT 1 FROM workspaces WHERE id = $1", {made.workspace}));
    if (found.empty()) return no_such("workspace", made.workspace);
    ACLOUD_CHECK(
        tx.execute("INSERT INTO api_keys (id, workspace, name, principal, hash, grant_json, parent, "
                   "is_operator, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                   row));
    return made;
  });
}

Task<Result<KeyList>> IdentityService::list_keys(Context& context, ListKeys request) {
  ACLOUD_CO_TRY(const std::string workspace, workspace_of(context, request.workspace));
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  const std::int64_t limit = request.limit;
  co_return co_await context.read([workspace, after, limit](store::Reader& reader) -> Result<KeyList> {
    ACLOUD_TRY(
        const Rows rows,
        reader.query("SELECT id, name, workspace, principal, grant_json, parent, created FROM api_keys "
                     "WHERE workspace = $1 AND id > $2 AND revoked IS NULL ORDER BY id LIMIT $3",
                     {workspace, after, limit + 1}));
    KeyList list;
    for (const store::Row& row : rows) {
      if (std::ssize(list.items) == limit) {
        list.next_cursor = kernel::to_cursor(list.items.back().id);
        break;
      }
      ACLOUD_TRY(KeyInfo info, to_key(row));
      list.items.push_back(std::move(info));
    }
    return list;
  });
}

Task<Result<Revoked>> IdentityService::revoke_key(Context& context, ById request) {
  const kernel::Caller& caller = context.caller;
  const bool any_workspace = caller.is_operator && caller.grants.empty();
  const std::string own = caller.grants.empty() ? std::string() : caller.key;
  auto revoked = co_await context.commit([id = request.id, workspace = caller.workspace, any_workspace, own,
                                          now = context.clock.now()](
                                             store::Transaction& tx) -> Result<Revoked> {
    ACLOUD_TRY(const Rows rows,
               tx.query("SELECT workspace FROM api_keys WHERE id = $1 AND revoked IS NULL", {id}));
    if (rows.empty() || (!any_workspace && rows.front().text(0) != workspace)) return no_such("key", id);
    if (!own.empty()) {
      ACLOUD_TRY(const auto below_own, family(tx, own));
      if (std::ranges::find(below_own, id) == below_own.end()) {
        return fail(ErrorCode::permission_denied,
                    "a key with a grant may revoke only itself and keys that were made with it");
      }
    }
    ACLOUD_TRY(const auto ids, family(tx, id));
    for (const std::string& one : ids) {
      ACLOUD_CHECK(tx.execute("UPDATE api_keys SET revoked = $2 WHERE id = $1", {one, store::to_value(now)}));
    }
    return Revoked{id, std::ssize(ids)};
  });
  keys_.forget();
  co_return revoked;
}

}  // namespace acloud::identity
