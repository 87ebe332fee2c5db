"""scripts/check-links notices links that lead nowhere, and takes those that lead somewhere."""
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class CheckLinks(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        subprocess.run(["git", "init", "-q", self.root], check=True)
        (self.root / "docs").mkdir()
        (self.root / "docs/store.md").write_text("# The store\n\n## Group commit, and why\n")

    def check(self, page):
        (self.root / "README.md").write_text(page)
        result = subprocess.run([ROOT / "scripts/check-links", self.root], capture_output=True, text=True)
        return result.returncode, result.stderr

    def test_takes_links_that_lead_somewhere(self):
        page = "# Here\n[a](docs/store.md) [b](docs/) [c](docs/store.md#group-commit-and-why) [d](#here) [e](https://x.y/z)"
        self.assertEqual(self.check(page), (0, ""))

    def test_takes_code_as_code(self):
        self.assertEqual(self.check("`[a](nowhere)`\n```\nargs[0](nowhere.md)\n```\n"), (0, ""))

    def test_refuses_a_file_that_is_not_there(self):
        self.assertEqual(self.check("one\n[a](docs/stores.md)"), (1, "README.md:2: docs/stores.md: no such file\n"))

    def test_refuses_a_heading_that_is_not_there(self):
        code, fault = self.check("[a](docs/store.md#commit)")
        self.assertEqual((code, "no such heading" in fault), (1, True))

    def test_refuses_a_file_outside_the_checkout(self):
        self.assertEqual(self.check("[a](../../etc/passwd)")[0], 1)


if __name__ == "__main__":
    unittest.main()
