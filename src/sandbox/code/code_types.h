// The requests and replies of sandbox.run_code and of its contexts.
#pragma once

#include "sandbox/sandbox_types.h"

namespace acloud::sandbox {

enum class Language { python, javascript, bash };
constexpr auto enum_names(Language) {
  using enum Language;
  return std::array<std::pair<Language, std::string_view>, 3>{
      {{python, "python"}, {javascript, "javascript"}, {bash, "bash"}}};
}

struct RunCode {
  std::string id;
  std::optional<Language> language;
  std::string code;
  std::optional<std::string> context;
  std::map<std::string, std::string> env;
  std::chrono::milliseconds timeout{300'000};
  static constexpr auto schema = fields(
      field("id", &RunCode::id, "Where.", required, length(1, 64)),
      field("language", &RunCode::language,
            "Absent: the context's; without a context python. JavaScript needs node in the image."),
      field("code", &RunCode::code, "What to run; the value of its last expression is a result.", required,
            length(0, 4 << 20)),
      field("context", &RunCode::context,
            "Whose state it works on, as create_context gave it. Absent: the language's own.", length(1, 64)),
      field("env", &RunCode::env, "Environment, for this run alone."),
      field("timeout_s", &RunCode::timeout, "Interrupted after this long.",
            between(std::chrono::milliseconds(1), std::chrono::hours(24))));
};

struct CodeResult {
  bool main = false;
  std::map<std::string, std::string> data;
  static constexpr auto schema =
      fields(field("main", &CodeResult::main, "It is the value of the code's last expression."),
             field("data", &CodeResult::data,
                   "Its forms by media type, such as text/plain; what is no text is in base64."));
};

struct CodeError {
  std::string name, value, traceback;
  static constexpr auto schema =
      fields(field("name", &CodeError::name, "The error's type, such as ZeroDivisionError."),
             field("value", &CodeError::value, "Its message."),
             field("traceback", &CodeError::traceback, "Where it came from, as the language shows it."));
};

struct RanCode {
  std::string context;
  std::vector<CodeResult> results;
  std::string out, err;
  bool out_truncated = false, err_truncated = false, results_truncated = false;
  std::optional<CodeError> error;
  std::int64_t execution_count = 0;
  static constexpr auto schema = fields(
      field("context", &RanCode::context, "Whose state it worked on."),
      field("results", &RanCode::results, "What the code displayed, and the value of its last expression."),
      field("stdout", &RanCode::out, "What it wrote there."),
      field("stderr", &RanCode::err, "What it wrote there."),
      field("stdout_truncated", &RanCode::out_truncated, "More was written than is shown: the first 4 MiB."),
      field("stderr_truncated", &RanCode::err_truncated, "Likewise."),
      field("results_truncated", &RanCode::results_truncated,
            "There were more results than are shown: 16 MiB of them."),
      field("error", &RanCode::error, "What ended the code; absent where it came to its end."),
      field("execution_count", &RanCode::execution_count, "How many runs the context has had."));
};

struct CreateContext {
  std::string id;
  Language language = Language::python;
  std::string cwd{kHome};
  static constexpr auto schema =
      fields(field("id", &CreateContext::id, "In which sandbox.", required, length(1, 64)),
             field("language", &CreateContext::language, "Of the code that it runs."),
             field("cwd", &CreateContext::cwd, "The folder that it starts in.", form(is_path, kPathRule)));
};

struct CodeContext {
  std::string context;
  Language language = Language::python;
  std::string cwd;
  std::int64_t execution_count = 0;
  static constexpr auto schema =
      fields(field("context", &CodeContext::context, "Names it in run_code.", example("\"ctx_00c1d2e3f4\"")),
             field("language", &CodeContext::language, "Of the code that it runs."),
             field("cwd", &CodeContext::cwd, "The folder that it starts in."),
             field("execution_count", &CodeContext::execution_count, "Runs since it started."));
};

struct ContextName {
  std::string id, context;
  static constexpr auto schema =
      fields(field("id", &ContextName::id, "In which sandbox.", required, length(1, 64)),
             field("context", &ContextName::context, "Which one.", required, length(1, 64)));
};

struct ContextList {
  std::vector<CodeContext> items;
  static constexpr auto schema = fields(field("items", &ContextList::items, "Contexts by name."));
};

}  // namespace acloud::sandbox
