"""The ready-made providers are configuration that the server takes."""

import glob
import os
import re
import tomllib
import unittest

from support.server import ROOT, Server

FOLDER = os.path.join(ROOT, "examples", "providers")
# File: its dialects.
EXPECTED = {
    "anthropic": ["anthropic"],
    "bailian": ["openai", "anthropic", "dashscope"],
    "minimax": ["openai", "anthropic"],
    "moonshot": ["openai", "anthropic"],
    "openai": ["openai"],
    "sglang": ["openai"],
    "vidu": ["vidu"],
    "vllm": ["openai"],
    "zhipu": ["openai", "anthropic"],
}


def texts():
    """Each file's text, by its name, with an address that leads nowhere."""
    found = {}
    for path in sorted(glob.glob(os.path.join(FOLDER, "*.toml"))):
        with open(path, encoding="utf-8") as file:
            found[os.path.basename(path).removesuffix(".toml")] = file.read().replace("//HOST", "//provider.invalid")
    return found


def models_of(text):
    return [model["name"] for model in tomllib.loads(text)["model"]]


class Examples(unittest.TestCase):
    def test_every_provider_has_its_file_and_its_line(self):
        self.assertEqual(sorted(texts()), sorted(EXPECTED))
        with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as file:
            listed = re.findall(r"^\| \[(\w+)\.toml\]\((\w+)\.toml\)", file.read(), re.MULTILINE)
        self.assertEqual(sorted(listed), sorted((name, name) for name in EXPECTED))

    def test_entries_hold_no_key_and_name_the_providers_own_models(self):
        for name, text in texts().items():
            with self.subTest(name):
                entries = tomllib.loads(text)
                self.assertEqual([each["dialect"] for each in entries["provider"]], EXPECTED[name])
                for provider in entries["provider"]:
                    self.assertRegex(provider.get("api_key", "env:NONE"), r"^env:[A-Z_]+$")
                for model in entries["model"]:
                    for target in model["targets"]:
                        # A name of ours, told apart by its dialect, is not what the provider calls its model.
                        self.assertNotRegex(target["model"], r"-(anthropic|openai)$")

    def test_each_is_taken_alone(self):
        for name, text in texts().items():
            with self.subTest(name), Server(config=text) as server:
                names = [model["name"] for model in server.call("model.list").json["items"]]
                for expected in models_of(text):
                    self.assertIn(expected, names)

    def test_all_are_taken_together(self):
        # Names are not shared between the files, so that they can stand in one.
        with Server(config="\n".join(texts().values())) as server:
            names = [model["name"] for model in server.call("model.list").json["items"]]
            self.assertEqual(len(names), len(set(names)))
            for text in texts().values():
                for expected in models_of(text):
                    self.assertIn(expected, names)
            missing = server.call("model.chat", {"model": "gpt-5.1", "messages": [{"role": "user", "content": "Hi"}]})
            self.assertEqual(missing.code, "unavailable")
            self.assertIn("OPENAI_API_KEY", missing.json["error"]["message"])


if __name__ == "__main__":
    unittest.main()
