// Guardrails: what the operator lets go to models and come back from them.
//
// A guardrail applies to a call by its model, workspace and key; where several do, each must be kept to. What
// is found is never written anywhere: errors, records and metrics have the guardrail's and the detector's
// names alone.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <tuple>

#include "kernel/grant.h"
#include "model/guard/detector.h"
#include "model/guard/guard_config.h"

namespace acloud::model::guard {

struct Rule {
  std::string guardrail;
  std::shared_ptr<const Detector> detector;  // shared by the rules that look for the same
  Action action;
  bool on_request;
  bool on_reply;
  bool on(Side side) const { return side == Side::request ? on_request : on_reply; }
};

struct Guardrail {
  GuardrailConfig config;
  std::vector<Rule> rules;
  std::string digest;  // of its configuration
};

// What was found in a call: each once, however often it stands there.
struct Finding {
  std::string guardrail;
  std::string detector;
  Side side;
  Action action;
  friend auto operator<=>(const Finding&, const Finding&) = default;
};
using Findings = std::set<Finding>;

// permission_denied, with details guardrail, detector and side. A client sees it in its dialect's form.
std::unexpected<Error> blocked(const Rule& rule, Side side);
// True for errors of guardrails.
bool is_blocked(const Error& error);

class GuardTable;

// The guardrails of one call. Empty: none applies.
class Guard {
 public:
  Guard() = default;
  // Sizes and models. Errors: too_large, permission_denied.
  Result<> admit(std::string_view model, std::uint64_t bytes) const;
  // Whether texts of that side are looked at.
  bool watches(Side side) const;
  std::vector<const Rule*> rules(Side side) const;
  // The JSON document with its findings masked; nothing where it stays as it is.
  // Errors: permission_denied; invalid_argument: no JSON.
  Result<std::optional<std::string>> inspect(std::string_view json, Side side, Findings& findings) const;
  // Tells answers apart that were masked by different rules. "" without any.
  std::string digest() const;

 private:
  friend class GuardTable;
  std::shared_ptr<const GuardTable> table_;  // shared: a reload replaces it while calls go on
  std::vector<const Guardrail*> all_;
};

// All of them, as configured. Never changed; a reload makes another.
class GuardTable : public std::enable_shared_from_this<GuardTable> {
 public:
  // Errors: invalid_argument with details.field, "guardrail[0].detect[1].pattern".
  static Result<std::shared_ptr<const GuardTable>> make(std::span<const GuardrailConfig> configs);
  // Those that apply to a call of `caller` that may go to any of `models`.
  Guard of(const kernel::Caller& caller, std::span<const std::string> models) const;

 private:
  GuardTable() = default;
  std::vector<Guardrail> guardrails_;
};

// Errors: as GuardTable::make.
Result<> check(std::span<const GuardrailConfig> configs);

}  // namespace acloud::model::guard
