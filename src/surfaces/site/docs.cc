#include "surfaces/site/docs.h"

#include "surfaces/site/markdown.h"

namespace acloud::surfaces::site {
namespace {

constexpr std::string_view kReadme = "README";

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

// "../bench/README.md" from "docs/api.md" is "bench/README.md"; nothing where it leads out of the repository.
std::optional<std::string> join(std::string_view from, std::string_view link) {
  std::vector<std::string_view> parts;
  const auto add = [&parts](std::string_view path) {
    for (std::size_t at = 0; at <= path.size();) {
      const auto end = std::min(path.find('/', at), path.size());
      const std::string_view part = path.substr(at, end - at);
      if (part == "..") {
        if (parts.empty()) return false;
        parts.pop_back();
      } else if (!part.empty() && part != ".") {
        parts.push_back(part);
      }
      at = end + 1;
    }
    return true;
  };
  const auto folder = from.rfind('/');
  if (folder != from.npos && !add(from.substr(0, folder))) return std::nullopt;
  if (!add(link)) return std::nullopt;
  return fmt::format("{}", fmt::join(parts, "/"));
}

bool is_absolute(std::string_view link) {
  const auto colon = link.find(':');
  return link.starts_with('/') || (colon != link.npos && colon < link.find('/'));
}

}  // namespace

std::string address_of_page(std::string_view path) {
  const auto dot = path.rfind(".md");
  std::string_view name = path.substr(0, dot);
  if (name == "docs/README") return "/docs";
  if (name == kReadme) return "/docs/project";
  if (name.starts_with("docs/")) return fmt::format("/docs/{}", name.substr(5));
  if (!name.contains('/')) return fmt::format("/docs/{}", lower_ascii(name));
  if (name.ends_with("/README")) name.remove_suffix(kReadme.size() + 1);
  return fmt::format("/docs/source/{}", name);
}

Docs::Docs(std::span<const EmbeddedText> texts) {
  for (const EmbeddedText& text : texts) {
    std::string address = address_of_page(text.path);
    addresses_.emplace(text.path, address);
    entries_.emplace(std::move(address), Entry{&text, {}});
    if (!text.path.starts_with("docs/")) continue;
    const auto end = text.text.find('\n');
    const std::string_view first = text.text.substr(0, end);
    pages_.push_back({.path = std::string(text.path.substr(5)),
                      .title = std::string(first.starts_with("# ") ? first.substr(2) : first),
                      .text = std::string(text.text)});
  }
}

std::optional<std::string> Docs::resolve(std::string_view path, std::string_view link) const {
  if (is_absolute(link) || link.starts_with('#')) return std::string(link);
  const auto hash = std::min(link.find('#'), link.size());
  auto target = join(path, link.substr(0, hash));
  if (!target) return std::nullopt;
  auto found = addresses_.find(*target);
  if (found == addresses_.end()) found = addresses_.find(*target + "/README.md");
  if (found == addresses_.end()) return std::nullopt;
  return found->second + std::string(link.substr(hash));
}

const Docs::Html* Docs::html(std::string_view address) {
  const auto found = entries_.find(address);
  if (found == entries_.end()) return nullptr;
  Entry& entry = found->second;
  const std::scoped_lock lock(mutex_);
  if (!entry.html) {
    Rendered rendered =
        render(entry.text->text, [&](std::string_view link) { return resolve(entry.text->path, link); });
    entry.html = Html{std::move(rendered.title), std::move(rendered.html)};
  }
  return &*entry.html;
}

std::optional<std::string> Docs::markdown(std::string_view address) const {
  const auto found = entries_.find(address);
  if (found == entries_.end()) return std::nullopt;
  const std::string_view text = found->second.text->text;
  std::string out;
  constexpr std::string_view kLink = "](";
  for (std::size_t at = 0; at < text.size();) {
    const auto begin = text.find(kLink, at);
    const auto end = begin == text.npos ? begin : text.find_first_of(") \n", begin);
    if (end == text.npos || text[end] != ')') {
      const auto next = begin == text.npos ? text.size() : begin + kLink.size();
      out += text.substr(at, next - at);
      at = next;
      continue;
    }
    const std::string_view link = text.substr(begin + kLink.size(), end - begin - kLink.size());
    out += text.substr(at, begin + kLink.size() - at);
    const auto address_of_link = resolve(found->second.text->path, link);
    out += address_of_link.value_or(std::string(link));
    at = end;
  }
  return out;
}

}  // namespace acloud::surfaces::site
