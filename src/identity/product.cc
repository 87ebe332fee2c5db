#include "identity/product.h"

namespace acloud::identity {

using kernel::Effect;

void declare(kernel::Catalog& catalog, IdentityService& service, SignUpService& sign_ups) {
  auto& workspace = catalog.add(
      "workspace", "Walls between customers: each owns what is made in it and sees nothing else.");
  workspace.operation<CreateWorkspace, Workspace>("create")
      .summary("Make a workspace.")
      .keywords("new team customer tenant project")
      .effect(Effect::write)
      .operator_only()
      .example("A workspace for a team", R"({"name":"research"})")
      .handler(service, &IdentityService::create_workspace);
  workspace.operation<ListRequest, WorkspaceList>("list")
      .summary("List the workspaces.")
      .keywords("show all teams customers tenants projects")
      .operator_only()
      .example("The first page", "{}")
      .handler(service, &IdentityService::list_workspaces);
  workspace.operation<ById, Deleted>("delete")
      .summary("Delete a workspace with its keys and everything in it.")
      .keywords("remove team customer tenant project")
      .effect(Effect::destroy)
      .operator_only()
      .example("Delete one", R"({"id":"ws_00c1a2b3c4d5e6f70819"})")
      .handler(service, &IdentityService::delete_workspace);

  if (sign_ups.enabled()) {
    workspace.operation<SignUp, SignedUp>("sign_up")
        .summary("Make yourself a workspace with a small budget and a key, without having a key.")
        .keywords("first start begin arrive register registration account join get an api key self")
        .description(
            "For those who have no key: call it without one. The workspace's budget is for models, once and "
            "for "
            "all; the operator alone can raise it. Each address may do it a few times a day.")
        .effect(Effect::write)
        .keyless()
        .example("A workspace of your own", R"({"name":"scout"})")
        .handler(sign_ups, &SignUpService::sign_up);
  } else {
    catalog.leave_out("workspace.sign_up",
                      "sign-up is off on this cloud: ask whoever runs it for a key ([signup] enabled in "
                      "acloud.toml allows it)");
  }

  auto& key = catalog.add("key", "API keys: who may call, and how far.");
  key.operation<CreateKey, NewKey>("create")
      .summary("Make an API key; it is shown this once.")
      .keywords("new api token credential access give somebody permission grant limited rights scope")
      .description("A key made with a narrowed key is narrowed by both grants, and stops working with it.")
      .effect(Effect::write)
      .example(
          "A key that can only read one bucket",
          R"({"name":"reader","grant":{"operations":["object.get","object.list"],"resources":["bucket/reports"]}})")
      .handler(service, &IdentityService::create_key);
  key.operation<ListKeys, KeyList>("list")
      .summary("List the keys that work, without the keys themselves.")
      .keywords("show api tokens credentials who has access")
      .example("The first page", "{}")
      .handler(service, &IdentityService::list_keys);
  key.operation<ById, Revoked>("revoke")
      .summary("Stop a key, and those that were made with it, from working.")
      .keywords("disable remove delete api token credential take away access leaked stolen lock out")
      .effect(Effect::destroy)
      .example("Revoke one", R"({"id":"key_00c1a2b3c4d5e6f70819"})")
      .handler(service, &IdentityService::revoke_key);
}

}  // namespace acloud::identity
