"""Every skill has the form that the specification of agentskills.io asks for, at both well-known addresses."""

import hashlib
import json
import os
import re
import tempfile
import unittest

from support.server import ROOT, Server
from support.skills import INDEX, fetch, front_matter

OLDER = "/.well-known/skills/index.json"
FIELDS = {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}


def tokens(text):
    """At least as many as a tokenizer makes of English, code and tables: words cut at five letters, and every
    sign by itself."""
    return sum(-(-len(word) // 5) for word in re.findall(r"\w+", text)) + len(re.findall(r"[^\w\s]", text))


def faults(name, files):
    """What a skill's files have against the specification."""
    text = files.get("SKILL.md")
    if text is None:
        return ["no SKILL.md"]
    found = []
    try:
        fields = front_matter(text)
    except ValueError as fault:
        return [str(fault)]
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", fields.get("name", "")) or len(fields["name"]) > 64:
        found.append("name is not 1 to 64 of a-z, 0-9 and single -")
    if fields.get("name") != name:
        found.append("name is not the folder's")
    if not 1 <= len(fields.get("description", "")) <= 1024:
        found.append("description is not 1 to 1,024 characters")
    if len(fields.get("compatibility", "x")) > 500:
        found.append("compatibility is longer than 500 characters")
    if not isinstance(fields.get("metadata", {}), dict):
        found.append("metadata is no map")
    if set(fields) - FIELDS:
        found.append(f"unknown fields {set(fields) - FIELDS}")
    body = text.split("\n---\n", 1)[1]
    if body.count("\n") >= 500:
        found.append(f"{body.count(chr(10))} lines")
    if tokens(body) >= 5000:
        found.append(f"{tokens(body)} tokens")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        if target not in files:
            found.append(f"a link to {target}, which is not there")
    return found


class Form(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()
        cls.skills = fetch(cls.server)
        cls.products = [product["name"] for product in cls.server.request("GET", "/api").json["products"]]

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def test_the_validator_sees_what_is_wrong(self):
        good = "---\nname: a-b\ndescription: x\n---\n\nbody\n"
        self.assertEqual(faults("a-b", {"SKILL.md": good}), [])
        for bad in (good.replace("a-b", "A-b"), good.replace("description: x\n", ""), good.replace("x\n", "x: y\n"),
                    good.replace("name", "title"), good[4:], good.replace("x\n", "x" * 1025 + "\n"),
                    good + "line\n" * 500, good + "word " * 5000, good + "[a](references/none.md)"):
            self.assertTrue(faults("a-b", {"SKILL.md": bad}), bad[:80])
        self.assertTrue(faults("a-c", {"SKILL.md": good}))

    def test_every_product_has_one_that_is_valid(self):
        wanted = ["acloud", *("acloud-" + product.replace("_", "-") for product in self.products)]
        self.assertEqual(list(self.skills), wanted)
        for name, files in self.skills.items():
            self.assertEqual(faults(name, files), [], name)
            self.assertNotIn("{{", "".join(files.values()))

    def test_every_operation_has_a_page(self):
        for product in self.server.request("GET", "/api").json["products"]:
            files = self.skills["acloud-" + product["name"].replace("_", "-")]
            for operation in product["operations"]:
                page = files[f"references/{operation['name']}.md"]
                for field in operation["request"].get("properties", {}):
                    self.assertIn(f"- `{field}` (", page)

    def test_both_forms_hold_the_same_and_digests_fit(self):
        newer = self.server.request("GET", INDEX, key="").json
        self.assertEqual(newer["$schema"], "https://schemas.agentskills.io/discovery/0.2.0/schema.json")
        for entry in newer["skills"]:
            archive = self.server.request("GET", entry["url"], key="").body
            self.assertEqual(entry["digest"], "sha256:" + hashlib.sha256(archive).hexdigest())
        for entry in self.server.request("GET", OLDER, key="").json["skills"]:
            files = {path: self.server.request("GET", f"/.well-known/skills/{entry['name']}/{path}", key="").body.decode()
                     for path in entry["files"]}
            self.assertEqual(files, self.skills[entry["name"]])

    def test_the_address_in_them_is_the_clients(self):
        for host, wanted in (("cloud.example", "http://cloud.example"), ("$(id)", self.server.url)):
            reply = self.server.request("GET", "/.well-known/skills/acloud/SKILL.md", headers={"Host": host}, key="")
            self.assertIn(f"ACLOUD_URL={wanted}\n", reply.body.decode())

    def test_pages_that_people_wrote(self):
        pages = {name[:-3] for name in os.listdir(os.path.join(ROOT, "src/surfaces/skills/pages"))} - {"acloud"}
        self.assertEqual(pages - set(self.products), set(), "pages of products that there are not")
        lacking = [product for product in self.products if product not in pages]
        if lacking:
            self.skipTest("products without a page in src/surfaces/skills/pages: " + ", ".join(lacking))

    def test_the_command_writes_them_to_a_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.server.cli("skills", "export", os.path.join(folder, "to"))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([each["name"] for each in json.loads(done.stdout)["skills"]], list(self.skills))
            for name, files in self.skills.items():
                for path, text in files.items():
                    with open(os.path.join(folder, "to", name, path), encoding="utf-8") as file:
                        self.assertEqual(file.read(), text)
            again = self.server.cli("skills", "export", os.path.join(folder, "to"))
            self.assertEqual(again.returncode, 0, again.stderr)
            with open(os.path.join(folder, "file"), "w", encoding="ascii"):
                pass
            failed = self.server.cli("skills", "export", os.path.join(folder, "file"))
            self.assertEqual((failed.returncode, failed.stdout), (2, b""))


if __name__ == "__main__":
    unittest.main()
