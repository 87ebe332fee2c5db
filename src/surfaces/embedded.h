// Texts that the program carries: scripts/embed makes them a part of it when it is built.
#pragma once

#include <span>
#include <string_view>

namespace acloud::surfaces {

struct EmbeddedText {
  std::string_view path;  // from the folder that they were taken from
  std::string_view text;
};

// What is told of products beyond their declarations: "object.md", ... of skills/pages.
std::span<const EmbeddedText> skill_pages();
// "home.html", ... of site/web.
std::span<const EmbeddedText> site_files();
// The repository's Markdown: "docs/api.md", "CONTRIBUTING.md", "bench/README.md", ...
std::span<const EmbeddedText> doc_pages();

}  // namespace acloud::surfaces
