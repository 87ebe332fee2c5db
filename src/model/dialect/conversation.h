// A conversation in no dialect: what every dialect's requests and replies are translated into and out of,
// where the client's and the provider's differ.
//
// What one dialect has and this has not is no field of it that could be forgotten: the reader of that dialect
// refuses it by name. What is here, every writer writes, or refuses by name.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "ledger/usage.h"
#include "model/sse_cutter.h"

namespace acloud::model {

struct TextPart {
  std::string text;
};
struct ImagePart {
  std::string media_type;  // of `data`
  std::string data;        // base64; or:
  std::string url;
};
struct ReasoningPart {
  std::string text;
  std::string signature;  // Anthropic's, which alone takes it back
};
struct ToolUsePart {
  std::string id;
  std::string name;
  std::string arguments;  // JSON text, as the model wrote it
};
struct ToolResultPart {
  std::string id;
  std::vector<std::variant<TextPart, ImagePart>> content;
  bool is_error = false;
};
using Part = std::variant<TextPart, ImagePart, ReasoningPart, ToolUsePart, ToolResultPart>;

enum class Role { system, user, assistant };

struct Message {
  Role role = Role::user;  // a tool's result is the user's
  std::vector<Part> parts;
};

struct Tool {
  std::string name;
  std::string description;
  Json parameters = Json::object();  // JSON Schema
  std::optional<bool> strict;
};

struct ToolChoice {
  enum class Kind { automatic, none, required, one };
  Kind kind = Kind::automatic;
  std::string name;  // for `one`
};

struct OutputSchema {
  std::string name;
  Json schema;
  std::optional<bool> strict;
};

// Responses can put tools into namespaces. Elsewhere NAMESPACE__NAME stands for such a tool.
using Namespaces = std::vector<std::string>;

struct Conversation {
  std::vector<Message> messages;
  std::vector<Tool> tools;
  std::optional<ToolChoice> tool_choice;
  std::optional<bool> parallel_tools;
  std::optional<std::int64_t> max_tokens;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<std::int64_t> top_k;
  std::vector<std::string> stop;
  std::optional<OutputSchema> output_schema;
  bool any_json = false;  // the answer is to be some JSON object
  std::string effort;     // how much to think: "low", "medium", "high", ...; "" where it is not said
  std::string user;
  bool stream = false;
  Json only_openai = Json::object();  // fields that OpenAI's dialect alone has, such as seed
  Namespaces namespaces;
  std::vector<std::string> left_out;  // what is not written: the client is told
};

enum class Finish { stop, length, tool_calls, refused };

struct CompleteReply {
  std::string id;
  std::vector<Part> parts;
  Finish finish = Finish::stop;
  std::optional<ledger::Tokens> tokens;
};

// A streamed reply, as it comes.
struct Begin {
  std::string id;
};
struct TextDelta {
  std::string text;
};
struct ReasoningDelta {
  std::string text;
  std::string signature;
};
struct ToolBegin {
  std::int64_t index;  // which of the reply's calls, from 0
  std::string id;
  std::string name;
};
struct ToolArguments {
  std::int64_t index;
  std::string text;
};
struct Finished {
  Finish finish;
};
struct Figures {
  ledger::Tokens tokens;
  bool whole;  // not only of the beginning
};
struct Failed {
  std::string type;
  std::string message;
};
using ReplyEvent =
    std::variant<Begin, TextDelta, ReasoningDelta, ToolBegin, ToolArguments, Finished, Figures, Failed>;

// invalid_argument: `where` (such as "messages[2].content[0]") holds what can't be translated.
std::unexpected<Error> cannot_translate(std::string_view where, std::string_view what);
// invalid_argument: `where` must be what it is not.
std::unexpected<Error> wrong_part(std::string_view where, std::string_view must_be);

// --- Requests. Errors: invalid_argument, naming what is malformed or can't be translated. ---
Result<Conversation> read_openai(const Json& request);
Result<Conversation> read_responses(const Json& request);
Result<Conversation> read_anthropic(const Json& request);
Result<Json> write_openai(const Conversation& conversation, const std::string& model);
Result<Json> write_anthropic(const Conversation& conversation, const std::string& model);

// --- Whole replies. Errors: unavailable: the upstream's reply is not what its dialect says. ---
Result<CompleteReply> read_openai_reply(const Json& reply);
Result<CompleteReply> read_anthropic_reply(const Json& reply);
Json write_openai_reply(const CompleteReply& reply, const std::string& model);
Result<Json> write_anthropic_reply(const CompleteReply& reply, const std::string& model);
Json write_responses_reply(const CompleteReply& reply, const std::string& model,
                           const Namespaces& namespaces);

// --- Streams ---
class ReplyReader {
 public:
  virtual ~ReplyReader() = default;
  // Errors: unavailable: not what the dialect says.
  virtual Result<> read(const RawEvent& event, std::vector<ReplyEvent>& events) = 0;
};
std::unique_ptr<ReplyReader> openai_reader();
std::unique_ptr<ReplyReader> anthropic_reader();

class ReplyWriter {
 public:
  virtual ~ReplyWriter() = default;
  virtual void write(const ReplyEvent& event, std::string& out) = 0;
  // The end of a reply that is whole: up to the last event to `out`, that to `last`.
  virtual void finish(std::string& out, std::string& last) = 0;
};
std::unique_ptr<ReplyWriter> openai_writer(std::string model, bool wants_usage);
std::unique_ptr<ReplyWriter> anthropic_writer(std::string model);
std::unique_ptr<ReplyWriter> responses_writer(std::string model, Namespaces namespaces);

}  // namespace acloud::model
