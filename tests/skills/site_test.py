"""The site as machines read it: the home page in each form, the documentation without a dead link, and what is
at well-known addresses."""

import html.parser
import json
import re
import subprocess
import unittest
import urllib.parse

from support.server import Server

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


class Page(html.parser.HTMLParser):
    """The links and the names of a page of HTML."""

    def __init__(self, text):
        super().__init__()
        self.links, self.names, self.sources = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "a" and "href" in attrs:
            self.links.append(attrs["href"])
        if "id" in attrs:
            self.names.add(attrs["id"])
        if tag == "link" and attrs.get("href"):
            self.sources.append(attrs["href"])
        if "src" in attrs:
            self.sources.append(attrs["src"])


class Site(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def get(self, path, headers=None):
        return self.server.request("GET", path, headers=headers, key="")

    def test_curl_gets_the_line(self):
        done = subprocess.run(["curl", "-sS", "--noproxy", "*", self.server.url], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, f"npx skills add {self.server.url}\n")

    def test_each_asks_in_its_own_way(self):
        page = self.get("/", BROWSER)
        self.assertEqual(page.headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual([link for link in Page(page.body.decode()).sources if not link.startswith(("data:", "/"))], [])
        markdown = self.get("/", {"Accept": "text/markdown, text/html;q=0.9"})
        self.assertEqual(markdown.headers["content-type"], "text/markdown; charset=utf-8")
        self.assertIn(f"npx skills add {self.server.url}\n", markdown.body.decode())
        for reply in (page, markdown):
            self.assertIn("accept", reply.headers["vary"])
        head = self.server.request("HEAD", "/", key="")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_a_host_that_would_be_obeyed_is_not_repeated(self):
        for host in ("$(touch${IFS}x)", "a;id", "<script>", "a\" onload=\"x", "-g", "[::1];id"):
            for headers in ({}, BROWSER, {"Accept": "text/markdown"}):
                reply = self.get("/", {**headers, "Host": host})
                if reply.status == 400:
                    continue
                self.assertNotIn(host, reply.body.decode())
                self.assertIn(self.server.url, reply.body.decode())

    def test_links_of_the_home_page_lead_somewhere(self):
        reply = self.get("/", BROWSER)
        targets = re.findall(r"<([^>]+)>; rel", reply.headers["link"]) + Page(reply.body.decode()).links
        self.assertGreaterEqual(len(targets), 6)
        for target in targets:
            self.assertEqual(self.get(target).status, 200, target)

    def test_no_link_of_the_documentation_is_dead(self):
        pages, todo, faults = {}, ["/docs"], []
        while todo:
            path = todo.pop()
            reply = self.get(path, BROWSER)
            if reply.status != 200 or reply.headers["content-type"] != "text/html; charset=utf-8":
                pages[path] = None if reply.status != 200 else Page("")
                continue
            pages[path] = Page(reply.body.decode())
            for link in pages[path].links:
                target = urllib.parse.urlsplit(urllib.parse.urljoin(path, link))
                if not target.scheme and target.path not in pages and target.path not in todo:
                    todo.append(target.path)
        for path, page in pages.items():
            for link in page.links if page else []:
                target = urllib.parse.urlsplit(urllib.parse.urljoin(path, link))
                if target.scheme:
                    continue
                there = pages[target.path]
                if there is None or (target.fragment and target.fragment not in there.names):
                    faults.append(f"{path}: {link}")
        self.assertEqual(faults, [])
        self.assertGreater(len(pages), 20)

    def test_llms_txt_leads_to_markdown(self):
        text = self.get("/llms.txt").body.decode()
        self.assertRegex(text, r"\A# acloud\n\n> ")
        links = re.findall(r"\]\((\S+)\)", text)
        self.assertGreater(len(links), 15)
        for link in links:
            self.assertTrue(link.startswith(self.server.url), link)
            reply = self.get(link.removeprefix(self.server.url))
            self.assertEqual(reply.status, 200, link)
            self.assertRegex(reply.headers["content-type"], "^(text/markdown|application/)", link)
        for product in self.server.request("GET", "/api").json["products"]:
            self.assertIn(f"- [{product['name']}](", text)
        full = self.get("/llms-full.txt").body.decode()
        self.assertTrue(full.startswith(text))
        self.assertIn("# The gateway\n", full)

    def test_markdown_of_a_page_has_no_dead_link(self):
        for path in ("/docs", "/docs/api", "/docs/contributing"):
            text = re.sub(r"```.*?```|`[^`\n]*`", "", self.get(path).body.decode(), flags=re.DOTALL)
            for link in re.findall(r"\]\(([^)\s]+)\)", text):
                target = urllib.parse.urljoin(path, link)
                if link.startswith("/"):
                    self.assertEqual(self.get(target).status, 200, f"{path}: {link}")

    def test_what_is_at_well_known_addresses(self):
        catalog = self.get("/.well-known/api-catalog")
        self.assertTrue(catalog.headers["content-type"].startswith("application/linkset+json"))
        for entry in catalog.json["linkset"]:
            self.assertTrue(entry["anchor"].startswith(self.server.url))
            for relation, targets in entry.items():
                for target in targets if relation != "anchor" else []:
                    self.assertEqual(self.get(target["href"].removeprefix(self.server.url)).status, 200, target)
        card = self.get("/.well-known/mcp/server-card.json").json
        self.assertRegex(card["name"], r"^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$")
        self.assertEqual(card["remotes"][0]["url"], self.server.url + "/mcp")

    def test_other_methods_are_refused(self):
        for path in ("/", "/llms.txt", "/docs/api"):
            reply = self.server.request("POST", path, "{}", key="")
            self.assertEqual((reply.status, reply.headers["allow"]), (405, "GET, HEAD"))
            self.assertEqual(json.loads(reply.body)["error"]["code"], "invalid_argument")


if __name__ == "__main__":
    unittest.main()
