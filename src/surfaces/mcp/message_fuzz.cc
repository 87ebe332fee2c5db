// A message of a stranger, and all that is read of it before anything is done.
#include "fuzz.h"
#include "surfaces/mcp/headers.h"
#include "surfaces/mcp/listen.h"
#include "surfaces/mcp/meta_tools.h"
#include "surfaces/mcp/methods.h"
#include "surfaces/mcp/seal.h"

using namespace acloud::surfaces::mcp;

namespace {

// Nobody but the server has the key, so nothing that a stranger makes up can be opened.
void try_seal(std::string_view text) {
  static acloud::ManualClock clock;
  static acloud::SystemRandom random;
  static const Seal seal(clock, random);
  acloud::fuzz::require(!seal.open(text, "purpose"), "what was made up is not opened");
  const std::string sealed = seal.close({{"text", text.size()}}, "purpose");
  acloud::fuzz::require(seal.open(sealed, "purpose").has_value(), "what was closed is opened");
  acloud::fuzz::require(text == "purpose" || !seal.open(sealed, text), "another purpose is not this one");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = acloud::fuzz::text(data, size);
  try_seal(text);
  std::string id;
  auto message = parse_message(text, id);
  if (!message) {
    // What is said of it is a message itself.
    std::string seen;
    const auto said = parse_message(error_message(id, message.error()), seen);
    acloud::fuzz::require(said && said->kind == Message::Kind::response && seen == id,
                          "a refusal is a message of the same id");
    return 0;
  }
  auto client = read_client(message->params);
  Client one = client ? *client : Client{};
  (void)read_request(message->params, one);
  (void)read_filter(message->params, {.lists_change = true, .resources_change = true});
  (void)page("items", {"1", "2", "3"}, message->params, 2);
  (void)Methods::purpose(message->method, message->params, {});
  (void)check_headers({{"mcp-method", message->method}, {"mcp-name", message->method}}, *message);
  (void)check_arguments({{"mcp-param-a", message->method}}, {.name = "t", .headers = {{"a", "a"}}},
                        message->params);
  (void)header_text(message->method);
  acloud::fuzz::require(*header_text(header_value(message->method)) == message->method,
                        "a header's value is read as it is written");
  acloud::Json arguments = message->params;
  (void)fill_references(arguments, acloud::Json::array({{{"id", 1}}}));
  return 0;
}
