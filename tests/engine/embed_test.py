"""acloud-embed beside the JavaScript that the same model is published with, over HTTP."""

import glob
import json
import os
import re
import subprocess
import unittest

from support.server import ROOT, Server

COUNT = 1000
AT_ONCE = 250  # texts of one call
ODD = ["", " lead and  double", "naïve café ﬁne", "日本語の文", "🙂 emoji 🙂🙂", "x" * 4000, "word " * 300, "e\u0301 = é",
       "a\u0000b", "Ⅷ ½ ㎏", "://:) ):", "\t\n", "ab" * 200]


def sentences():
    """Of the project's own documentation."""
    found = {}
    for page in sorted(glob.glob(os.path.join(ROOT, "docs", "*.md")) + glob.glob(os.path.join(ROOT, "src", "*", "README.md"))):
        with open(page, encoding="utf-8") as file:
            for sentence in re.split(r"(?<=[.:;])\s+|\n|\|", file.read()):
                if 4 <= len(sentence.split()) <= 40:
                    found[sentence.strip()] = True
    return list(found)[:COUNT]


def compare(texts, embeddings):
    done = subprocess.run(
        ["node", "encoder.mjs", os.path.join(ROOT, "third_party", "sentence-encoder")],
        cwd=os.path.join(ROOT, "tests", "clients"), input=json.dumps({"texts": texts, "embeddings": embeddings}),
        capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        raise AssertionError(done.stderr[-2000:])
    return json.loads(done.stdout)


class Embeddings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(flags=["--log", "error"]).__enter__()
        cls.addClassCleanup(cls.server.__exit__)

    def embed(self, texts, **more):
        return self.server.request("POST", "/v1/embeddings", json.dumps(
            {"model": "acloud-embed", "input": texts, **more}).encode())

    def vectors(self, texts):
        reply = self.embed(texts)
        self.assertEqual(reply.status, 200, reply.body)
        return [each["embedding"] for each in reply.json["data"]], reply.json["usage"]["prompt_tokens"]

    def test_as_the_reference(self):
        texts = sentences()
        self.assertEqual(len(texts), COUNT)
        texts += [text for text in ODD if text]
        made, pieces = [], 0
        for at in range(0, len(texts), AT_ONCE):
            vectors, read = self.vectors(texts[at:at + AT_ONCE])
            made += vectors
            pieces += read
        self.assertEqual(len(made[0]), 512)
        found = compare(texts, made)
        print(f"figure: {len(texts)} embeddings beside the JavaScript reference: {found['difference']:.1e} apart at most, "
              f"{found['strangers']} of {10 * len(texts)} neighbours differ")
        self.assertLess(found["difference"], 1e-4)
        self.assertEqual(found["strangers"], 0)
        self.assertEqual(pieces, found["pieces"])

    def test_alone_as_among_others(self):
        texts = ["one", "a somewhat longer sentence than that", "word " * 200]
        together, _ = self.vectors(texts)
        for text, vector in zip(texts, together, strict=True):
            (alone,), _ = self.vectors([text])
            for a, b in zip(alone, vector, strict=True):
                self.assertAlmostEqual(a, b, delta=1e-5)

    def test_what_is_refused(self):
        for texts, why in ((["fine", ""], "empty"), ("x" * 40_000, "32768"), (["x"] * 5000, "input"), ([], "input"),
                           ([7], "input")):
            reply = self.embed(texts)
            self.assertEqual(reply.status, 400, reply.body)
            self.assertIn(why, reply.json["error"]["message"])
        reply = self.embed("fine", dimensions=256)
        self.assertEqual(reply.status, 400, reply.body)
        self.assertIn("512", reply.json["error"]["message"])
        self.assertEqual(self.embed("fine", dimensions=512).status, 200)
        reply = self.server.request("POST", "/v1/embeddings", b'{"model":"acloud-embed","input":"\xff"}')
        self.assertEqual(reply.status, 400, reply.body)
        self.assertEqual(self.embed("still there").status, 200)

    def test_it_does_not_chat(self):
        reply = self.server.request("POST", "/v1/chat/completions", json.dumps(
            {"model": "acloud-embed", "messages": [{"role": "user", "content": "hello"}]}).encode())
        self.assertEqual(reply.status, 400, reply.body)
        self.assertIn("embeddings alone", reply.json["error"]["message"])

    def test_it_is_listed(self):
        self.vectors(["loaded now"])
        items = self.server.call("model.list", {}).json["items"]
        engine = next(each for each in items if each["name"] == "acloud-embed")["engine"]
        self.assertEqual(engine["context"], 128)
        self.assertGreater(engine["parameters"], 6_000_000)
        ids = [each["id"] for each in self.server.request("GET", "/v1/models").json["data"]]
        self.assertIn("acloud-embed", ids)


if __name__ == "__main__":
    unittest.main()
