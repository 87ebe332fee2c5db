#include "surfaces/site/site.h"

#include "base/encoding.h"
#include "base/random.h"
#include "surfaces/origin.h"
#include "surfaces/rest/rest.h"
#include "surfaces/site/accept.h"
#include "surfaces/site/markdown.h"
#include "surfaces/site/texts.h"

namespace acloud::surfaces::site {
namespace {

constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kMarkdown = "text/markdown; charset=utf-8";
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kDocs = "/docs";
constexpr std::string_view kCatalog = "/.well-known/api-catalog";
constexpr std::string_view kCard = "/.well-known/mcp/server-card.json";

bool is_docs(std::string_view path) { return path == kDocs || path.starts_with("/docs/"); }

std::string_view file_of(std::string_view name) {
  const auto files = site_files();
  const auto found = std::ranges::find(files, name, &EmbeddedText::path);
  return found == files.end() ? std::string_view() : found->text;
}

// Puts `value` in the place of {{name}}, wherever it stands.
void fill(std::string& text, std::string_view name, std::string_view value) {
  const std::string mark = fmt::format("{{{{{}}}}}", name);
  for (auto at = text.find(mark); at != text.npos; at = text.find(mark, at + value.size()))
    text.replace(at, mark.size(), value);
}

// A text that is the same for whoever asks, as far as the headers in `vary` are the same.
net::Response text(std::string_view type, std::string body, std::string_view vary) {
  net::Response response;
  response.headers.add("content-type", std::string(type));
  response.headers.add("cache-control", "no-cache");
  response.headers.add("vary", std::string(vary));
  response.headers.add("x-content-type-options", "nosniff");
  response.headers.add("etag", '"' + to_hex(sha256(body)) + '"');
  response.body = std::move(body);
  return response;
}

}  // namespace

Site::Site(Parts parts)
    : parts_(std::move(parts)),
      skills_(parts_.catalog, parts_.version),
      docs_(doc_pages()),
      home_(frame(file_of("home.html"), file_of("home.css"), file_of("home.js"))),
      page_(frame(file_of("docs.html"), file_of("docs.css"), "")) {}

Site::Frame Site::frame(std::string_view html, std::string_view style, std::string_view script) {
  const auto hash = [](std::string_view text) { return fmt::format("'sha256-{}'", to_base64(sha256(text))); };
  Frame made{.html = std::string(html),
             .policy = fmt::format(
                 "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; "
                 "form-action 'none'; frame-ancestors 'none'",
                 hash(style), script.empty() ? "'none'" : hash(script))};
  fill(made.html, "style", style);
  fill(made.html, "script", script);
  return made;
}

bool Site::takes(const net::Request& request) {
  const std::string_view path = request.path();
  return path == "/" || path == "/llms.txt" || path == "/llms-full.txt" || path == kCatalog ||
         path == kCard || is_docs(path) || skills::Skills::takes(request);
}

net::Response Site::handle(const net::Request& request) {
  auto response = route(request);
  net::Response answer = response ? *std::move(response) : to_response(response.error(), "");
  if (!answer.headers.get("x-request-id")) answer.headers.add("x-request-id", "req_" + parts_.random.hex(10));
  const auto etag = answer.headers.get("etag");
  if (answer.status == 200 && etag && request.headers.get("if-none-match") == etag) {
    answer.status = 304;
    answer.body = net::Body();
    answer.headers.remove("content-type");
  }
  return answer;
}

Result<net::Response> Site::route(const net::Request& request) {
  if (request.method != "GET" && request.method != "HEAD") return wrong_method(request, "GET, HEAD");
  const std::string_view path = request.path();
  if (is_docs(path)) return docs(request);
  const std::string origin = origin_of(request.headers, parts_.tls, parts_.own_url());
  constexpr std::string_view kVary = "host, x-forwarded-proto";
  if (path == "/") return home(request, origin);
  if (path == "/llms.txt") return text(kMarkdown, llms_txt(parts_.catalog, pages(), origin), kVary);
  if (path == "/llms-full.txt") return text(kMarkdown, llms_full_txt(parts_.catalog, pages(), origin), kVary);
  if (path == kCatalog) {
    return text("application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"",
                api_catalog(origin), kVary);
  }
  if (path == kCard) {
    net::Response card = text(
        "application/json", mcp_server_card(origin, parts_.version, !takes_sign_ups(parts_.catalog)), kVary);
    card.headers.add("access-control-allow-origin", "*");
    return card;
  }
  return skills_.handle(request, origin);
}

net::Response Site::home(const net::Request& request, const std::string& origin) const {
  constexpr std::string_view kVary = "accept, host, x-forwarded-proto";
  net::Response response;
  switch (form_of(request.headers.value("accept"))) {
    case Form::html: {
      std::string html = home_.html;
      fill(html, "origin", escape_html(origin));
      response = text(kHtml, std::move(html), kVary);
      response.headers.add("content-security-policy", home_.policy);
      response.headers.add("referrer-policy", "no-referrer");
      break;
    }
    case Form::markdown:
      response = text(kMarkdown, home_markdown(parts_.catalog, origin), kVary);
      break;
    case Form::text:
      response = text(kText, one_line(origin) + "\n", kVary);
      break;
  }
  response.headers.add("link", home_links());
  return response;
}

Result<net::Response> Site::docs(const net::Request& request) {
  std::string_view address = request.path();
  const bool source = address.ends_with(".md");
  if (source) address.remove_suffix(3);
  if (address.ends_with('/')) address.remove_suffix(1);
  if (address == "/docs/README") address = kDocs;
  const bool wants_html = !source && form_of(request.headers.value("accept")) == Form::html;
  if (!wants_html) {
    if (auto markdown = docs_.markdown(address)) return text(kMarkdown, *std::move(markdown), "accept");
  } else if (const Docs::Html* page = docs_.html(address)) {
    std::string html = page_.html;
    fill(html, "title", escape_html(page->title));
    fill(html, "source", address == kDocs ? "/docs/README.md" : fmt::format("{}.md", address));
    fill(html, "body", page->body);
    net::Response response = text(kHtml, std::move(html), "accept");
    response.headers.add("content-security-policy", page_.policy);
    response.headers.add("referrer-policy", "no-referrer");
    return response;
  }
  return fail(ErrorCode::not_found, "no page is at {}; GET /docs lists them",
              to_valid_utf8(request.path().substr(0, 256)));
}

}  // namespace acloud::surfaces::site
