"""The home page and the documentation in headless Chromium: on a phone and a desktop, in light and in dark."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from support.server import ROOT, Server

FOLDER = os.path.join(ROOT, "tests", "skills")
CHROMIUM = shutil.which("chromium")


def luminance(color):
    """WCAG's, of "rgb(1, 2, 3)"."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@unittest.skipUnless(CHROMIUM, "needs chromium (scripts/setup installs it)")
@unittest.skipUnless(shutil.which("node") and os.path.isdir(os.path.join(FOLDER, "node_modules")),
                     "needs node and the packages of tests/skills (scripts/setup)")
class Browser(unittest.TestCase):
    def test_looks_right_and_copies(self):
        # ACLOUD_SCREENSHOTS=FOLDER keeps what was seen.
        with tempfile.TemporaryDirectory() as temporary, Server() as server:
            folder = os.environ.get("ACLOUD_SCREENSHOTS", temporary)
            done = subprocess.run(["node", "browser.mjs", server.url, folder, CHROMIUM], cwd=FOLDER, timeout=100,
                                  capture_output=True, text=True, check=False, env={**os.environ, "HOME": temporary})
            self.assertEqual(done.returncode, 0, done.stderr)
            seen = [json.loads(line) for line in done.stdout.splitlines()]
            home = [each for each in seen if each["page"] == "home"]
            self.assertEqual(len(home), 4)
            for each in home:
                self.look_at_home(server, each)
            for each in seen:
                self.assertEqual(each["complaints"], [], each)
                self.assertFalse(each.get("scrolls_sideways"), each)
            light = {each["paper"] for each in home if each["colorScheme"] == "light"}
            dark = {each["paper"] for each in home if each["colorScheme"] == "dark"}
            self.assertGreater(min(map(luminance, light)), 0.7)
            self.assertLess(max(map(luminance, dark)), 0.05)

    def look_at_home(self, server, seen):
        line = f"npx skills add {server.url}"
        self.assertEqual((seen["line"], seen["copied"], seen["copied_plainly"]), (line, line, line))
        self.assertEqual(seen["requests"], [server.url + "/"], "nothing else is loaded")
        self.assertFalse(seen["scrolls"], seen)
        width, height = seen["viewport"]["width"], seen["viewport"]["height"]
        both = {"left": min(seen["box"]["left"], seen["button"]["left"]),
                "right": max(seen["box"]["right"], seen["button"]["right"]),
                "top": min(seen["box"]["top"], seen["button"]["top"]),
                "bottom": max(seen["box"]["bottom"], seen["button"]["bottom"])}
        self.assertAlmostEqual((both["left"] + both["right"]) / 2, width / 2, delta=2)
        self.assertAlmostEqual((both["top"] + both["bottom"]) / 2, height / 2, delta=height * 0.06)
        self.assertGreater(both["left"], 10)
        self.assertGreaterEqual(seen["font_px"], 16)
        for target in (seen["button"], seen["link"]):
            self.assertGreaterEqual(target["height"], 40, "large enough for a finger")
        self.assertGreater(seen["link"]["top"], both["bottom"], "the link stands apart")
        lighter, darker = sorted((luminance(seen["paper"]), luminance(seen["ink"])), reverse=True)
        self.assertGreater((lighter + 0.05) / (darker + 0.05), 7)


if __name__ == "__main__":
    unittest.main()
