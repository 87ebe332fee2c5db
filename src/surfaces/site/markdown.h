// Markdown (CommonMark with GitHub's tables) as HTML. The library's safe mode: no HTML of the text's own goes
// through, and no link runs a script.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace acloud::surfaces::site {

// What a link of a text becomes: its new address; nothing where it leads nowhere here, whereupon its words
// stay.
using Resolve = std::function<std::optional<std::string>(std::string_view link)>;

struct Rendered {
  std::string title;  // of the first heading
  std::string html;   // headings are reached by the names that GitHub gives them
};
Rendered render(std::string_view markdown, const Resolve& resolve);

// "What passes, and what is changed" is reached by "what-passes-and-what-is-changed".
std::string anchor_of(std::string_view heading);

// `text` with &, <, > and quotes escaped.
std::string escape_html(std::string_view text);

}  // namespace acloud::surfaces::site
