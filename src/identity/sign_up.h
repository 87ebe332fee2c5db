// First contact: an agent without a key makes itself a workspace, with a small budget and a key, in one call.
//
// Off unless the operator allows it. What strangers may take is bounded four ways: by address and by day, by
// day in all, by how many such workspaces there are, and by what each may spend. The counts are rows, changed
// in the transaction that makes the workspace, so that they hold on several servers and after a restart.
#pragma once

#include <functional>
#include <string>

#include "identity/identity_service.h"

namespace acloud::identity {

struct SignUpConfig {
  bool enabled = false;
  std::string budget = "1.00";
  std::vector<std::string> operations;
  std::int64_t per_address = 3;
  std::int64_t per_day = 100;
  std::int64_t workspaces = 1000;
  static constexpr auto schema = fields(
      field("enabled", &SignUpConfig::enabled, "Whether an agent may make itself a workspace."),
      field("budget", &SignUpConfig::budget,
            "What each such workspace may spend on models, once and for all, such as \"1.00\".",
            length(1, 40)),
      field("operations", &SignUpConfig::operations,
            "What its key may call, as patterns with *, such as \"object.*\". Empty: all that a "
            "workspace's own key may.",
            length(0, 100)),
      field("per_address", &SignUpConfig::per_address, "Sign-ups from one address a day (UTC).",
            between(1, 1'000'000)),
      field("per_day", &SignUpConfig::per_day, "Sign-ups from all addresses a day.", between(1, 1'000'000)),
      field("workspaces", &SignUpConfig::workspaces,
            "How many such workspaces there may be at once; workspace.delete makes room.",
            between(1, 1'000'000)));
};

// Errors: invalid_argument: the budget is no amount of money above zero.
Result<> check(const SignUpConfig& config);

bool is_sign_up_name(std::string_view text);

struct SignUp {
  std::string name = "agent";
  static constexpr auto schema =
      fields(field("name", &SignUp::name, "What the workspace's name begins with; letters are added to it.",
                   form(is_sign_up_name,
                        "1 to 48 of a-z, 0-9, '_', '.', '-', beginning with a letter or "
                        "digit")));
};

struct SignedUp {
  std::string workspace, name, id, key, budget;
  static constexpr auto schema =
      fields(field("workspace", &SignedUp::workspace, "The id of the new workspace."),
             field("name", &SignedUp::name, "Its name."),
             field("id", &SignedUp::id, "The key's id, for key.revoke."),
             field("key", &SignedUp::key, "The key itself, shown this once: keep it."),
             field("budget", &SignedUp::budget,
                   "What the workspace may spend, in the currency of the operator's prices."));
};

class SignUpService {
 public:
  // Sets a workspace's budget, or removes it.
  using SetBudget = std::function<Result<>(store::Transaction&, const std::string& workspace,
                                           const std::string& limit, Time now)>;
  using RemoveBudget = std::function<Result<>(store::Transaction&, const std::string& workspace)>;

  SignUpService(SignUpConfig config, SetBudget set_budget, RemoveBudget remove_budget)
      : config_(std::move(config)),
        set_budget_(std::move(set_budget)),
        remove_budget_(std::move(remove_budget)) {}
  static std::vector<store::Migration> migrations();
  bool enabled() const { return config_.enabled; }

  // REQUIRES: the caller is a visitor. Errors: rate_limited with retry_after; unavailable.
  Task<Result<SignedUp>> sign_up(kernel::Context& context, SignUp request);
  // What a workspace that is deleted leaves here.
  Result<> forget_workspace(store::Transaction& transaction, const std::string& workspace) const;

 private:
  SignUpConfig config_;
  SetBudget set_budget_;
  RemoveBudget remove_budget_;
};

}  // namespace acloud::identity
