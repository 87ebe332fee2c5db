// How a stranger names a port of a sandbox: by its path, by a host name, or by E2B's headers.
#include "fuzz.h"
#include "surfaces/ports/ports.h"

using namespace acloud;
using surfaces::Ports;

namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

}  // namespace

// The first line is the request's target, the second its Host, the third and fourth E2B's headers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text(data, size);
  std::string lines[4];
  for (std::string& line : lines) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  net::Request request;
  request.target = "/" + lines[0];
  request.headers.add("host", lines[1]);
  if (!lines[2].empty()) request.headers.add("e2b-sandbox-id", lines[2]);
  if (!lines[3].empty()) request.headers.add("e2b-sandbox-port", lines[3]);
  Ports::read_host(request);
  const auto asked = Ports::parse(request);
  fuzz::require(asked.has_value() == Ports::takes(request), "what is taken names a port");
  if (!asked) return 0;
  fuzz::require(asked->target.starts_with('/'), "a target begins with a slash");
  if (asked->prefix.empty()) {
    fuzz::require(asked->target == request.target, "a port's own host has the whole target");
    fuzz::require(is_digits(asked->port) && asked->port.size() <= 5, "a port in a header is a number");
    if (lines[2].empty()) fuzz::require(asked->sandbox.starts_with("sbx_"), "a host names sandboxes alone");
  } else {
    fuzz::require(request.target.starts_with(asked->prefix), "a prefix is a part of the target");
    fuzz::require(!asked->sandbox.contains('/') && !asked->port.contains('/'), "names are parts of a path");
  }
  return 0;
}
