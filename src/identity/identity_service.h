// The work of products `workspace` and `key`. Both are declared in product.cc.
#pragma once

#include <functional>

#include "identity/keys.h"
#include "kernel/call.h"

namespace acloud::identity {

struct WorkspaceKind {
  static constexpr std::string_view kPrefix = "ws";
};
struct KeyKind {
  static constexpr std::string_view kPrefix = "key";
};

bool is_name(std::string_view text);  // 1 to 64 of [a-z0-9_.-], beginning with a letter or digit
inline constexpr std::string_view kNameRule =
    "1 to 64 of a-z, 0-9, '_', '.', '-', beginning with a letter or digit";

struct CreateWorkspace {
  std::string name;
  static constexpr auto schema = fields(field("name", &CreateWorkspace::name, "Name of the new workspace.",
                                              required, form(is_name, kNameRule)));
};

struct Workspace {
  std::string id;
  std::string name;
  Time created{};
  static constexpr auto schema = fields(field("id", &Workspace::id, "What keys are made for."),
                                        field("name", &Workspace::name, "Its name."),
                                        field("created", &Workspace::created, "When it was made."));
};

struct ListRequest {
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("limit", &ListRequest::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListRequest::cursor, "next_cursor of the page before."));
};

struct WorkspaceList {
  std::vector<Workspace> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &WorkspaceList::items, "Workspaces by id."),
      field("next_cursor", &WorkspaceList::next_cursor, "Where the next page begins; absent on the last."));
};

struct ById {
  std::string id;
  static constexpr auto schema = fields(field("id", &ById::id, "Which.", required, length(1, 128)));
};

struct Deleted {
  std::string id;
  static constexpr auto schema = fields(field("id", &Deleted::id, "What is gone."));
};

struct CreateKey {
  std::string name;
  std::optional<std::string> workspace;
  std::optional<kernel::Grant> grant;
  static constexpr auto schema =
      fields(field("name", &CreateKey::name, "What the key is for.", required, form(is_name, kNameRule)),
             field("workspace", &CreateKey::workspace,
                   "Workspace of the key; another than the caller's for operators alone."),
             field("grant", &CreateKey::grant,
                   "What the key may do, within what the caller may. Absent: all of that."));
};

struct NewKey {
  std::string id;
  std::string key;
  std::string workspace;
  static constexpr auto schema = fields(field("id", &NewKey::id, "Names the key in key.list and key.revoke."),
                                        field("key", &NewKey::key, "The key itself, shown this once."),
                                        field("workspace", &NewKey::workspace, "Where it belongs."));
};

struct ListKeys {
  std::optional<std::string> workspace;
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema = fields(
      field("workspace", &ListKeys::workspace, "Another workspace than the caller's: for operators alone."),
      field("limit", &ListKeys::limit, "Items on a page.", between(1, kernel::kPageMost)),
      field("cursor", &ListKeys::cursor, "next_cursor of the page before."));
};

struct KeyInfo {
  std::string id;
  std::string name;
  std::string workspace;
  std::string principal;
  std::optional<kernel::Grant> grant;
  std::optional<std::string> parent;
  Time created{};
  static constexpr auto schema =
      fields(field("id", &KeyInfo::id, "Its id."), field("name", &KeyInfo::name, "What it is for."),
             field("workspace", &KeyInfo::workspace, "Where it belongs."),
             field("principal", &KeyInfo::principal, "Whom it stands for."),
             field("grant", &KeyInfo::grant, "What it may do; absent: all that the key above it may."),
             field("parent", &KeyInfo::parent, "The key it was made with, where that is narrowed."),
             field("created", &KeyInfo::created, "When it was made."));
};

struct KeyList {
  std::vector<KeyInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema =
      fields(field("items", &KeyList::items, "Keys that work, by id; never the keys themselves."),
             field("next_cursor", &KeyList::next_cursor, "Where the next page begins; absent on the last."));
};

struct Revoked {
  std::string id;
  std::int64_t count = 0;
  static constexpr auto schema =
      fields(field("id", &Revoked::id, "The key that was named."),
             field("count", &Revoked::count, "How many stopped working: it and those made with it."));
};

class IdentityService {
 public:
  // What a product does when a workspace goes, in that transaction.
  using ForgetWorkspace = std::function<Result<>(store::Transaction&, const std::string& workspace)>;

  IdentityService(Keys& keys, std::vector<ForgetWorkspace> contents)
      : keys_(keys), contents_(std::move(contents)) {}

  Task<Result<Workspace>> create_workspace(kernel::Context& context, CreateWorkspace request);
  Task<Result<WorkspaceList>> list_workspaces(kernel::Context& context, ListRequest request);
  Task<Result<Deleted>> delete_workspace(kernel::Context& context, ById request);
  Task<Result<NewKey>> create_key(kernel::Context& context, CreateKey request);
  Task<Result<KeyList>> list_keys(kernel::Context& context, ListKeys request);
  Task<Result<Revoked>> revoke_key(kernel::Context& context, ById request);

 private:
  Keys& keys_;
  std::vector<ForgetWorkspace> contents_;
};

}  // namespace acloud::identity
