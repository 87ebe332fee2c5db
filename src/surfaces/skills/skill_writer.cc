#include "surfaces/skills/skill_writer.h"

#include "surfaces/skills/example_forms.h"
#include "surfaces/skills/schema_text.h"

namespace acloud::surfaces::skills {
namespace {

constexpr std::string_view kSetUp = "## Set-up\n";
constexpr std::string_view kNoExample = "# no example: ";
constexpr std::size_t kDescriptionMost = 1024;
// What set-up scripts call operations with.
constexpr std::string_view kCallFunction =
    "call() { curl -sS --fail-with-body \"$ACLOUD_URL/api/$1\" -H \"Authorization: Bearer "
    "$ACLOUD_API_KEY\" -d \"$2\"; }\n";

// A page, taken apart.
struct Parts {
  std::string use;     // the first paragraph
  std::string text;    // what is told
  std::string set_up;  // the script, without its fence
};

Parts take_apart(std::string_view page) {
  Parts parts;
  const auto paragraph = std::min(page.find("\n\n"), page.size());
  parts.use = page.substr(0, paragraph);
  while (parts.use.ends_with('\n')) parts.use.pop_back();
  std::string_view rest = page.substr(std::min(paragraph + 2, page.size()));
  if (const auto at = rest.rfind(kSetUp); at != rest.npos) {
    std::string_view script = rest.substr(at + kSetUp.size());
    rest = rest.substr(0, at);
    constexpr std::string_view kFence = "```sh\n";
    const auto begin = script.find(kFence);
    const auto end = script.rfind("```");
    if (begin != script.npos && end > begin + kFence.size())
      parts.set_up = script.substr(begin + kFence.size(), end - begin - kFence.size());
  }
  parts.text = rest;
  while (parts.text.ends_with('\n')) parts.text.pop_back();
  return parts;
}

Parts page_of(std::span<const EmbeddedText> pages, std::string_view name) {
  const auto found = std::ranges::find(pages, fmt::format("{}.md", name), &EmbeddedText::path);
  return found == pages.end() ? Parts() : take_apart(found->text);
}

std::string shorten(std::string text) {
  if (text.size() <= kDescriptionMost) return text;
  text.resize(text.find_last_of(' ', kDescriptionMost - 4));
  return text + " ...";
}

// A JSON string is a YAML one.
std::string yaml_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string_view advice(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "the message names the field and what it may be; correct it";
    case ErrorCode::unauthenticated:
      return "send a key that works; ask whoever runs this cloud";
    case ErrorCode::budget_exceeded:
      return "stop spending and tell your principal; nothing was charged";
    case ErrorCode::permission_denied:
      return "the key does not go that far; don't try other ways in";
    case ErrorCode::not_found:
      return "the message says what to make first, or which name comes near";
    case ErrorCode::conflict:
      return "it exists already, or a call with that idempotency key is under way";
    case ErrorCode::precondition_failed:
      return "somebody changed it: read it anew, then try again";
    case ErrorCode::too_large:
      return "send less, in parts, or as the raw body";
    case ErrorCode::rate_limited:
      return "wait for as long as `retry-after` says";
    case ErrorCode::internal:
      return "a fault of the cloud: report the request id";
    case ErrorCode::unavailable:
      return "wait for as long as `retry-after` says, then try again";
    case ErrorCode::deadline_exceeded:
      return "give it more time, or ask for less";
    case ErrorCode::cancelled:
      return "";
  }
  return "";
}

std::string failures() {
  std::string text =
      "## When it fails\n\nAn error is `{\"error\":{\"code\",\"message\",\"details\",\"request_id\"}}`; the "
      "`acloud` command writes it to standard error and exits as below. Read the message: it says what was "
      "wrong, with which value, and what to do.\n\n| code | HTTP | exit | what to do |\n| --- | --- | --- | "
      "--- |\n";
  for (int i = 0; i < static_cast<int>(ErrorCode::cancelled); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    const ErrorTraits traits = acloud::traits(code);
    text += fmt::format("| `{}` | {} | {} | {} |\n", traits.name, traits.http_status, traits.exit_code,
                        advice(code));
  }
  return text;
}

// Where an agent may make itself a key, it is told so where it is told that it needs one.
std::string without_key(const kernel::Catalog& catalog) {
  if (!catalog.find("workspace.sign_up")) return "";
  return fmt::format(
      R"text(
No key? This makes a workspace with a small budget and gives its key, once: keep it. It is called without a key, over MCP too.

```sh
export ACLOUD_API_KEY="$(curl -sS --fail-with-body "{}/api/workspace/sign_up" -d '{{"name":"my-agent"}}' | jq -r .key)"
```
)text",
      kOriginMark);
}

std::string calling(std::string_view product, const std::string& sign_up) {
  return fmt::format(
      R"(## Calling it

```sh
export ACLOUD_URL={0}
export ACLOUD_API_KEY="${{ACLOUD_API_KEY:?ask whoever runs this cloud for a key}}"
```
{2}
| with | a call of OPERATION is |
| --- | --- |
| curl | `curl -sS --fail-with-body "$ACLOUD_URL/api/{1}/OPERATION" -H "Authorization: Bearer $ACLOUD_API_KEY" -d '{{"field":"value"}}'` |
| the `acloud` command | `acloud {1} OPERATION --field value`, with `-` for `_` in names; or `--json '{{"field":"value"}}'` |
| MCP | tool `call` of `{0}/mcp` with `{{"operation":"{1}.OPERATION","arguments":{{"field":"value"}}}}`; `{0}/mcp/{1}` has each operation as a tool |

An operation that changes something takes the header `Idempotency-Key: TEXT` (`--idempotency-key`), after which a repetition within a day gives the first reply again, and `Prefer: dry-run` (`--dry-run`), which shows what would happen. Lists give `items` and, where there is more, `next_cursor` for the next call's `cursor`.
)",
      kOriginMark, product, sign_up);
}

std::string operation_table(const kernel::Product& product) {
  std::string text = "## Operations\n\n| operation | effect | does |\n| --- | --- | --- |\n";
  for (const kernel::Operation& operation : product.operations()) {
    const std::string_view who = operation.operator_only ? ", for operators"
                                 : operation.keyless     ? ", without a key"
                                                         : "";
    text += fmt::format("| [`{0}`](references/{0}.md) | {1}{2} | {3} |\n", operation.name,
                        schema::Codec<kernel::Effect>::name(operation.effect), who, operation.summary);
  }
  return text +
         "\nThe page behind each name has its fields, its reply and examples: read it before the first "
         "call.\n";
}

// The front matter as JSON, all of its values text or maps of text.
OrderedJson front_matter(const Skill& skill, std::string_view version) {
  OrderedJson metadata = OrderedJson::object();
  if (!skill.product.empty()) metadata["product"] = skill.product;
  metadata["version"] = version;
  return {{"name", skill.name},
          {"description", skill.description},
          {"compatibility", fmt::format("Needs HTTP to {} and an API key of it.", kOriginMark)},
          {"metadata", std::move(metadata)}};
}

// The same as YAML.
std::string fenced(const OrderedJson& front_matter) {
  std::string text = "---\n";
  for (const auto& [name, value] : front_matter.items()) {
    text += name + ':';
    if (value.is_string()) {
      text += ' ' + yaml_text(value.get<std::string>()) + '\n';
    } else {
      text += '\n';
      for (const auto& [inner, word] : value.items())
        text += fmt::format("  {}: {}\n", inner, yaml_text(word.get<std::string>()));
    }
  }
  return text + "---\n\n";
}

Skill begin_skill(std::string name, std::string description, std::string product, std::string_view version) {
  Skill skill{.name = std::move(name),
              .description = std::move(description),
              .frontmatter = {},
              .files = {},
              .product = std::move(product)};
  skill.frontmatter = front_matter(skill, version);
  return skill;
}

std::string examples_of(const kernel::Operation& operation, const std::string& set_up) {
  std::string text;
  // What can't be shown by one call that comes to an end.
  for (std::size_t at = set_up.find(kNoExample); at != set_up.npos; at = set_up.find(kNoExample, at + 1)) {
    const std::string names = fmt::format(
        ", {}, ", set_up.substr(at + kNoExample.size(), set_up.find('\n', at) - at - kNoExample.size()));
    if (names.contains(fmt::format(", {}, ", operation.name))) return text;
  }
  const auto variables = variables_of(set_up);
  std::set<std::string> used;
  for (const kernel::OperationExample& example : operation.examples) {
    const ExampleForms forms(operation, example, variables);
    used.merge(forms.used());
    text += fmt::format(
        "\n### {}\n\n```json\n{}\n```\n\n```sh curl\n{}\n```\n\n```sh cli\n{}\n```\n\n```json mcp\n{}\n```\n",
        example.summary, forms.json(), forms.curl(), forms.cli(), forms.mcp());
  }
  if (text.empty()) return text;
  const std::string needed = set_up_for(set_up, operation.name, std::move(used));
  if (!needed.empty()) {
    text = fmt::format("\nThey take for granted what this makes:\n\n```sh set-up\n{}{}```\n{}", kCallFunction,
                       needed, text);
  }
  return "\n## Examples\n" + text;
}

std::string reference(const kernel::Operation& operation, const std::string& set_up) {
  std::string text = fmt::format("# {}\n\n{}\n", operation.full_name(), operation.summary);
  if (!operation.description.empty()) text += '\n' + operation.description + '\n';
  text += fmt::format("\nEffect: {}.", schema::Codec<kernel::Effect>::name(operation.effect));
  if (operation.operator_only) text += " For those who answer for the whole cloud alone.";
  if (operation.keyless) text += " For those who have no key: it is called without one.";
  if (operation.streams)
    text += " Streams: with `Accept: text/event-stream` events come while it runs, then `result` or `error`.";
  if (!operation.body_in.empty()) {
    text += fmt::format(
        " The field `{}` may be sent as the raw body, with `Content-Type: application/octet-stream` and the "
        "other fields in the query.",
        operation.body_in);
  }
  if (!operation.body_out.empty())
    text += fmt::format(" With `Accept: application/octet-stream` the reply is `{}` as it is.",
                        operation.body_out);
  const std::string request = fields_of(operation.request());
  const std::string reply = fields_of(operation.reply());
  text += "\n\n## Request\n\n" + (request.empty() ? std::string("No fields: `{}`.\n") : request);
  text += "\n## Reply\n\n" + (reply.empty() ? std::string("`{}`.\n") : reply);
  return text + examples_of(operation, set_up);
}

Skill write_product(const kernel::Product& product, const Parts& page, const std::string& sign_up,
                    std::string_view version) {
  const std::string use = page.use.empty()
                              ? fmt::format("Use it for whatever concerns {} in this cloud.", product.name())
                              : page.use;
  Skill skill = begin_skill(skill_name(product.name()), shorten(product.summary() + ' ' + use),
                            product.name(), version);
  std::string text = fenced(skill.frontmatter) + fmt::format("# {}\n\n{}\n\n", skill.name, product.summary());
  if (!page.text.empty()) text += page.text + "\n\n";
  text += calling(product.name(), sign_up) + '\n' + operation_table(product) + '\n' + failures();
  skill.files.push_back({"SKILL.md", std::move(text)});
  for (const kernel::Operation& operation : product.operations()) {
    skill.files.push_back(
        {fmt::format("references/{}.md", operation.name), reference(operation, page.set_up)});
  }
  return skill;
}

Skill write_whole(const kernel::Catalog& catalog, const Parts& page, std::string_view version) {
  Skill skill = begin_skill("acloud", shorten(page.use), "", version);
  std::string text = fenced(skill.frontmatter) + "# acloud\n\n" + page.text +
                     "\n\n## Products\n\n| product | skill | is |\n| --- | --- | --- |\n";
  for (const kernel::Product& product : catalog.declared()) {
    text +=
        fmt::format("| {} | `{}` | {} |\n", product.name(), skill_name(product.name()), product.summary());
  }
  text += '\n' + calling("PRODUCT", without_key(catalog)) + '\n' + failures();
  skill.files.push_back({"SKILL.md", std::move(text)});
  return skill;
}

}  // namespace

std::string skill_name(std::string_view product) {
  std::string name = fmt::format("acloud-{}", product);
  std::ranges::replace(name, '_', '-');
  return name;
}

std::vector<Skill> write_skills(const kernel::Catalog& catalog, std::span<const EmbeddedText> pages,
                                std::string_view version) {
  std::vector<Skill> skills{write_whole(catalog, page_of(pages, "acloud"), version)};
  for (const kernel::Product& product : catalog.declared()) {
    skills.push_back(write_product(product, page_of(pages, product.name()), without_key(catalog), version));
  }
  return skills;
}

std::vector<Skill> at_origin(const std::vector<Skill>& skills, std::string_view origin) {
  std::vector<Skill> placed = skills;
  const auto place = [origin](std::string& text) {
    for (auto at = text.find(kOriginMark); at != text.npos; at = text.find(kOriginMark, at + origin.size()))
      text.replace(at, kOriginMark.size(), origin);
  };
  for (Skill& skill : placed) {
    place(skill.description);
    std::string matter = skill.frontmatter.dump();
    place(matter);
    skill.frontmatter = OrderedJson::parse(matter);
    for (SkillFile& file : skill.files) place(file.content);
  }
  return placed;
}

}  // namespace acloud::surfaces::skills
