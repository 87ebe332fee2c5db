"""Held-out episodes of acloud-tiny, all of it real: the server's own model, asked over OpenAI's dialect, and the server's
own operations, in real sandboxes. The whole sets, and how the model does there, are in models/README.md."""

import os
import re
import subprocess
import unittest

from support.server import ROOT, Server

EPISODES = 15  # of each set; of them, more than half can be played here


class Episodes(unittest.TestCase):
    def test_the_model_does_what_is_asked(self):
        with Server(flags=["--log", "error"]) as server:
            done = subprocess.run(
                ["/usr/bin/python3", "models/evaluate", "--url", server.url, "--cloud", server.url, "--limit", str(EPISODES), "--failures", "9"],
                cwd=ROOT, env={**os.environ, "ACLOUD_API_KEY": server.key}, stdout=subprocess.PIPE, text=True, timeout=240)
            self.assertEqual(done.returncode, 0)
            print(done.stdout)
            cells = re.findall(r"(\d+) of (\d+)", re.search(r"\*\*all\*\*.*", done.stdout)[0])
            right, played = (sum(int(cell[i]) for cell in cells) for i in (0, 1))
            self.assertGreater(played, EPISODES)
            self.assertGreaterEqual(right / played, 0.7, done.stdout)
            # Nothing of theirs is left.
            for product in ("object.list_buckets", "database.list", "queue.list", "sandbox.list"):
                self.assertEqual(server.call(product).json["items"], [], product)


if __name__ == "__main__":
    unittest.main()
