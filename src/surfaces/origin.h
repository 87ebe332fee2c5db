// Where a client reaches this server, by what its request says.
#pragma once

#include <string>

#include "net/http.h"

namespace acloud::surfaces {

// "https://this.host:8443". The host is the Host header where that is a name or an address with or without a
// port, made of nothing that means anything to a shell, to HTML or to Markdown; else `otherwise`, which is
// such an origin. The scheme is https where `tls`, or where a proxy in front says so in X-Forwarded-Proto. A
// client that lies about either deceives nobody but itself: nothing that depends on an origin may be given to
// others.
std::string origin_of(const net::Headers& headers, bool tls, const std::string& otherwise);

// True for "name", "127.0.0.1:80", "[::1]:80": at most 255 characters.
bool is_host(std::string_view text);

}  // namespace acloud::surfaces
