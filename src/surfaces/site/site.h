// What is there to be read: the home page, the documentation, the skills, and what machines look for at
// well-known addresses. No key is needed for any of it.
//
// The home page is one line, the instruction that an agent runs. A browser gets it as a page that loads
// nothing and runs nothing but its own script (a strict Content-Security-Policy), an agent as Markdown where
// it asks for that, everybody else as text.
#pragma once

#include <functional>
#include <string>

#include "net/http.h"
#include "surfaces/site/docs.h"
#include "surfaces/skills/skills.h"

namespace acloud {
class Random;
}

namespace acloud::surfaces::site {

class Site final : public Library {
 public:
  struct Parts {
    const kernel::Catalog& catalog;  // whole
    Random& random;
    std::string version;
    bool tls;
    std::function<std::string()> own_url;  // for clients that don't say how they came here
  };
  explicit Site(Parts parts);

  static bool takes(const net::Request& request);
  net::Response handle(const net::Request& request);

  const std::vector<Skill>& skills() const override { return skills_.skills(); }
  const std::vector<Page>& pages() const override { return docs_.pages(); }

 private:
  // A page's frame: its HTML with a style and a script in it, and the policy that lets only these be.
  struct Frame {
    std::string html;
    std::string policy;
  };
  static Frame frame(std::string_view html, std::string_view style, std::string_view script);

  Result<net::Response> route(const net::Request& request);
  net::Response home(const net::Request& request, const std::string& origin) const;
  Result<net::Response> docs(const net::Request& request);

  Parts parts_;
  skills::Skills skills_;
  Docs docs_;
  Frame home_;
  Frame page_;
};

}  // namespace acloud::surfaces::site
