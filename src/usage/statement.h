// The bill of a workspace for a month: each use of a model that was let through in it, added up.
#pragma once

#include "ledger/money.h"
#include "ledger/usage.h"
#include "store/database.h"

namespace acloud::usage {

// "2026-11".
bool is_month(std::string_view text);
inline constexpr std::string_view kMonthRule = "a month such as \"2026-11\", from the year 1970 on";

struct StatementOf {
  std::string month;
  std::optional<std::string> workspace;
  static constexpr auto schema =
      fields(field("month", &StatementOf::month, "Which month of UTC.", required, form(is_month, kMonthRule),
                   example(R"("2026-11")")),
             field("workspace", &StatementOf::workspace,
                   "For who answers for the cloud: of another workspace.", length(1, 64)));
};

struct StatementLine {
  std::string model, provider;
  bool batch = false;
  bool priced = true;
  std::int64_t uses = 0, estimated = 0;
  ledger::Tokens tokens;
  ledger::Media media;
  ledger::Money cost;
  static constexpr auto schema = fields(
      field("model", &StatementLine::model, "As it was named."),
      field("provider", &StatementLine::provider, "Who did the work; empty for this server itself."),
      field("batch", &StatementLine::batch, "At the price of batches."),
      field("priced", &StatementLine::priced,
            "False where the model had no price: what it cost is not known."),
      field("uses", &StatementLine::uses, "How often it was used."),
      field("estimated", &StatementLine::estimated, "How many of these the provider gave no figures for."),
      field("tokens", &StatementLine::tokens, "What was used."),
      field("media", &StatementLine::media, "What was made that is not counted in tokens."),
      field("cost", &StatementLine::cost, "What it cost."));
};

struct Statement {
  std::string workspace, month;
  Time from{}, to{};
  bool closed = false;
  std::vector<StatementLine> lines;
  std::int64_t uses = 0;
  ledger::Tokens tokens;
  ledger::Media media;
  ledger::Money cost;
  std::string currency;
  static constexpr auto schema = fields(
      field("workspace", &Statement::workspace, "Whose it is."),
      field("month", &Statement::month, "Which month."), field("from", &Statement::from, "Its first moment."),
      field("to", &Statement::to, "Its end, not included."),
      field("closed", &Statement::closed, "The month is over: what is here stays as it is."),
      field("lines", &Statement::lines, "By model, provider, and whether in a batch."),
      field("uses", &Statement::uses, "Uses together."),
      field("tokens", &Statement::tokens, "Tokens together."),
      field("media", &Statement::media, "Video and images together."),
      field("cost", &Statement::cost, "Money together."),
      field("currency", &Statement::currency, "Of the operator's prices."));
};

// Calls are settled when they end, those of a killed server when it starts again: a month is closed a day
// after.
inline constexpr std::chrono::hours kStatementCloses{24};

// REQUIRES: `workspace` is set. Errors: invalid_argument (no such month).
Result<Statement> statement(store::Reader& reader, const StatementOf& request, Time now,
                            const std::string& currency);

}  // namespace acloud::usage
