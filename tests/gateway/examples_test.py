"""The ready-made providers are configuration that the server takes."""

import glob
import os
import unittest

from support.server import ROOT, Server

FILES = sorted(glob.glob(os.path.join(ROOT, "examples", "providers", "*.toml")))


class Examples(unittest.TestCase):
    def test_each_is_taken_and_all_together(self):
        self.assertEqual(len(FILES), 8)
        texts = []
        for path in FILES:
            with open(path, encoding="utf-8") as file:
                texts.append(file.read().replace("//HOST", "//provider.invalid"))
        # Names are not shared between the files, so that they can stand in one.
        with Server(config="\n".join(texts)) as server:
            names = [model["name"] for model in server.call("model.list").json["items"]]
            self.assertGreaterEqual(len(names), len(FILES))
            self.assertEqual(len(names), len(set(names)))
            missing = server.call("model.chat", {"model": "gpt-5.1", "messages": [{"role": "user", "content": "Hi"}]})
            self.assertEqual(missing.code, "unavailable")
            self.assertIn("OPENAI_API_KEY", missing.json["error"]["message"])


if __name__ == "__main__":
    unittest.main()
