#include "surfaces/site/markdown.h"

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm-extension_api.h>
#include <cmark-gfm.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

namespace acloud::surfaces::site {
namespace {

struct FreeNode {
  void operator()(cmark_node* node) const { cmark_node_free(node); }
};
struct FreeParser {
  void operator()(cmark_parser* parser) const { cmark_parser_free(parser); }
};
struct FreeIterator {
  void operator()(cmark_iter* iterator) const { cmark_iter_free(iterator); }
};
struct FreeText {
  void operator()(char* text) const { std::free(text); }
};

using Parser = std::unique_ptr<cmark_parser, FreeParser>;

Parser make_parser() {
  // The library keeps its extensions in a list of the process.
  static std::once_flag registered;
  std::call_once(registered, cmark_gfm_core_extensions_ensure_registered);
  Parser parser(cmark_parser_new(CMARK_OPT_DEFAULT));
  if (cmark_syntax_extension* table = cmark_find_syntax_extension("table"); table != nullptr)
    cmark_parser_attach_syntax_extension(parser.get(), table);
  return parser;
}

// The nodes of one kind below `root`, in their order.
std::vector<cmark_node*> nodes_of(cmark_node* root, cmark_node_type type) {
  std::vector<cmark_node*> found;
  const std::unique_ptr<cmark_iter, FreeIterator> iterator(cmark_iter_new(root));
  while (cmark_iter_next(iterator.get()) != CMARK_EVENT_DONE) {
    cmark_node* node = cmark_iter_get_node(iterator.get());
    const bool again = !found.empty() && found.back() == node;  // entered before, left now
    if (cmark_node_get_type(node) == type && !again) found.push_back(node);
  }
  return found;
}

std::string words_of(cmark_node* root) {
  std::string words;
  const std::unique_ptr<cmark_iter, FreeIterator> iterator(cmark_iter_new(root));
  while (cmark_iter_next(iterator.get()) != CMARK_EVENT_DONE) {
    cmark_node* node = cmark_iter_get_node(iterator.get());
    const cmark_node_type type = cmark_node_get_type(node);
    if (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE) words += cmark_node_get_literal(node);
  }
  return words;
}

void name_heading(cmark_node* heading, const std::string& anchor) {
  cmark_node* name = cmark_node_new(CMARK_NODE_CUSTOM_INLINE);
  cmark_node_set_on_enter(name, ("<a id=\"" + escape_html(anchor) + "\"></a>").c_str());
  if (cmark_node_prepend_child(heading, name) == 0) cmark_node_free(name);
}

// Puts a link's words in its place.
void take_link_away(cmark_node* link) {
  while (cmark_node* child = cmark_node_first_child(link)) cmark_node_insert_before(link, child);
  cmark_node_free(link);
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string anchor_of(std::string_view heading) {
  std::string anchor;
  for (const char c : heading) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool word = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                      static_cast<unsigned char>(c) >= 0x80;
    if (word) anchor += upper ? static_cast<char>(c - 'A' + 'a') : c;
    if (c == ' ') anchor += '-';
  }
  return anchor;
}

Rendered render(std::string_view markdown, const Resolve& resolve) {
  const Parser parser = make_parser();
  cmark_parser_feed(parser.get(), markdown.data(), markdown.size());
  const std::unique_ptr<cmark_node, FreeNode> document(cmark_parser_finish(parser.get()));
  Rendered rendered;
  for (cmark_node* heading : nodes_of(document.get(), CMARK_NODE_HEADING)) {
    const std::string words = words_of(heading);
    if (rendered.title.empty()) rendered.title = words;
    name_heading(heading, anchor_of(words));
  }
  for (cmark_node* link : nodes_of(document.get(), CMARK_NODE_LINK)) {
    if (const auto address = resolve(cmark_node_get_url(link))) {
      cmark_node_set_url(link, address->c_str());
    } else {
      take_link_away(link);
    }
  }
  const std::unique_ptr<char, FreeText> html(
      cmark_render_html(document.get(), CMARK_OPT_DEFAULT, cmark_parser_get_syntax_extensions(parser.get())));
  rendered.html = html.get();
  return rendered;
}

}  // namespace acloud::surfaces::site
