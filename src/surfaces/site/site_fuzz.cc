// What of a request's head the site reads by itself: Accept, Host, and the path of a page.
#include "fuzz.h"
#include "surfaces/origin.h"
#include "surfaces/site/accept.h"
#include "surfaces/site/docs.h"
#include "surfaces/site/markdown.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace acloud;
  using fuzz::require;
  const std::string_view text = fuzz::text(data, size);
  (void)surfaces::site::form_of(text);
  if (surfaces::is_host(text)) {
    require(text.find_first_of("\"'`$&|;<>()\\ \n\t{}*?!#%@/") == text.npos && text.front() != '-',
            "a host is nothing that a shell, a page or Markdown obeys");
  }
  static surfaces::site::Docs docs(surfaces::doc_pages());
  require(docs.markdown(text).has_value() == (docs.html(text) != nullptr), "a page has both forms");
  const auto rendered = surfaces::site::render(text, [](std::string_view link) { return std::string(link); });
  require(!rendered.html.contains("<script"), "no HTML of a text's own goes through");
  return 0;
}
