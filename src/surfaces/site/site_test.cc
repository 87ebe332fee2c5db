#include "surfaces/site/site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "kernel/catalog.h"
#include "surfaces/site/accept.h"
#include "surfaces/site/markdown.h"
#include "surfaces/site/texts.h"

namespace acloud::surfaces::site {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Accept, TakesTheFormThatIsNamed) {
  EXPECT_EQ(form_of(""), Form::text);
  EXPECT_EQ(form_of("*/*"), Form::text);
  EXPECT_EQ(form_of("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), Form::html);
  EXPECT_EQ(form_of("text/markdown, text/html, */*"), Form::markdown);
  EXPECT_EQ(form_of("TEXT/HTML;Q=0.4 , text/markdown ; q=0.5"), Form::markdown);
  EXPECT_EQ(form_of("text/html;q=0, text/*"), Form::text);
  EXPECT_EQ(form_of("text/html;q=2"), Form::html);
  EXPECT_EQ(form_of(",;,=;q=,text/plain"), Form::text);
}

TEST(Markdown, IsRenderedWithItsTablesAndNamesForHeadings) {
  const Rendered rendered =
      render("# What `passes`, and *what* is changed\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
             [](std::string_view link) { return std::string(link); });
  EXPECT_EQ(rendered.title, "What passes, and what is changed");
  EXPECT_THAT(rendered.html, HasSubstr("<a id=\"what-passes-and-what-is-changed\"></a>"));
  EXPECT_THAT(rendered.html, HasSubstr("<td>1</td>"));
}

TEST(Markdown, LetsNoHtmlAndNoScriptThrough) {
  const Rendered rendered =
      render("<script>alert(1)</script> a<b onclick=x>c [d](javascript:alert(1)) # \"><img>",
             [](std::string_view link) { return std::string(link); });
  for (const char* bad : {"<script", "onclick=x>", "javascript:", "<img"}) {
    EXPECT_THAT(rendered.html, Not(HasSubstr(bad)));
  }
  EXPECT_THAT(render("# \"><img src=x>", [](std::string_view) { return std::nullopt; }).html,
              Not(HasSubstr("<img")));
}

TEST(Docs, LeadFromPageToPage) {
  const EmbeddedText texts[] = {
      {"CONTRIBUTING.md", "# How\n\n[docs](docs/README.md)\n"},
      {"bench/README.md", "# Bench\n"},
      {"docs/README.md", "# Docs\n\n[a](a.md)\n"},
      {"docs/a.md",
       "# A\n\n[b](../bench/README.md#x) [c](../bench/) [d](../secret.txt) [e](../../../etc/passwd) "
       "[f](https://example.org/) [g](#a) [h](../CONTRIBUTING.md)\n"}};
  Docs docs(texts);
  ASSERT_NE(docs.html("/docs/a"), nullptr);
  const std::string& html = docs.html("/docs/a")->body;
  EXPECT_THAT(html, HasSubstr("href=\"/docs/source/bench#x\">b"));
  EXPECT_THAT(html, HasSubstr("href=\"/docs/source/bench\">c"));
  EXPECT_THAT(html, HasSubstr("</a> d e <a"));
  EXPECT_THAT(html, HasSubstr("href=\"https://example.org/\">f"));
  EXPECT_THAT(html, HasSubstr("href=\"#a\">g"));
  EXPECT_THAT(html, HasSubstr("href=\"/docs/contributing\">h"));
  EXPECT_THAT(*docs.markdown("/docs"), HasSubstr("[a](/docs/a)"));
  EXPECT_EQ(docs.html("/docs/b"), nullptr);
  EXPECT_FALSE(docs.markdown("/docs/../CONTRIBUTING"));
  ASSERT_EQ(docs.pages().size(), 2U);
  EXPECT_EQ(docs.pages()[1].path, "a.md");
  EXPECT_EQ(docs.pages()[1].title, "A");
}

TEST(Texts, SayWhereTheMcpServerIs) {
  const Json card = Json::parse(mcp_server_card("https://cloud.example.org:8443", "1.2.3"));
  EXPECT_EQ(card["name"], "org.example.cloud/mcp");
  EXPECT_EQ(card["remotes"][0]["url"], "https://cloud.example.org:8443/mcp");
  EXPECT_EQ(Json::parse(mcp_server_card("http://[::1]:1", "1"))["name"], "acloud/mcp");
}

class SiteTest : public ::testing::Test {
 protected:
  net::Response get(std::string target, net::Headers headers = {}, std::string method = "GET") {
    return site_.handle(
        {.method = std::move(method), .target = std::move(target), .headers = std::move(headers)});
  }
  kernel::Catalog catalog_;
  SeededRandom random_{1};
  Site site_{{.catalog = catalog_, .random = random_, .version = "1", .tls = false, .own_url = [] {
                return std::string("http://own:1");
              }}};
};

TEST_F(SiteTest, HomeIsOneLineInTheFormThatIsAskedFor) {
  const net::Headers curl{{"Host", "this.host"}, {"Accept", "*/*"}};
  EXPECT_EQ(get("/", curl).body.bytes(), "npx skills add http://this.host\n");
  EXPECT_EQ(get("/", {{"Host", "a b"}}).body.bytes(), "npx skills add http://own:1\n");
  const net::Response page = get("/", {{"Host", "this.host"}, {"Accept", "text/html"}});
  EXPECT_THAT(page.body.bytes(), HasSubstr("npx skills add <span>http://this.host</span>"));
  EXPECT_THAT(page.body.bytes(), Not(HasSubstr("{{")));
  EXPECT_THAT(std::string(page.headers.value("content-security-policy")),
              HasSubstr("default-src 'none'; style-src 'sha256-"));
  EXPECT_THAT(std::string(page.headers.value("link")), HasSubstr("rel=\"api-catalog\""));
  EXPECT_THAT(get("/", {{"Accept", "text/markdown"}}).body.bytes(), HasSubstr("```sh\nnpx skills add"));
  EXPECT_EQ(get("/", {}, "HEAD").status, 200);
  EXPECT_EQ(get("/", {}, "POST").status, 405);
}

TEST_F(SiteTest, WhatIsKnownIsNotSentAgain) {
  const std::string etag(get("/llms.txt").headers.value("etag"));
  EXPECT_EQ(get("/llms.txt", {{"If-None-Match", etag}}).status, 304);
  EXPECT_EQ(get("/llms.txt", {{"If-None-Match", etag}, {"Host", "other"}}).status, 200);
  EXPECT_EQ(get("/docs/api", {{"If-None-Match", "\"x\""}}).status, 200);
}

TEST_F(SiteTest, DocsComeAsPagesAndAsMarkdown) {
  for (const char* address : {"/docs", "/docs/", "/docs/README.md"}) {
    EXPECT_THAT(get(address).body.bytes(), HasSubstr("# Documentation")) << address;
  }
  const net::Response page = get("/docs/api", {{"Accept", "text/html"}});
  EXPECT_THAT(page.body.bytes(), HasSubstr("</html>"));
  EXPECT_THAT(page.body.bytes(), Not(HasSubstr("{{")));
  EXPECT_EQ(get("/docs/api.md", {{"Accept", "text/html"}}).headers.value("content-type"),
            "text/markdown; charset=utf-8");
  for (const char* address : {"/docs/none", "/docs/../etc/passwd", "/docs//api", "/docs/api%00"}) {
    EXPECT_EQ(get(address).status, 404) << address;
    EXPECT_EQ(get(address, {{"Accept", "text/html"}}).status, 404) << address;
  }
}

}  // namespace
}  // namespace acloud::surfaces::site
