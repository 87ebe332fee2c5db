"""scripts/setup asks for what is missing and for nothing else. It runs here as an ordinary user in a small
checkout, with a PATH whose dpkg-query tells what we want and whose sudo only writes down what it was asked."""
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ["awk", "bash", "cat", "dirname", "env", "grep", "tee", "touch"]
NOBODY = 65534


class Setup(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.bin = self.root / "bin"
        self.bin.mkdir()
        (self.root / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/setup", self.root / "scripts")
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        (self.root / "scripts/packages.txt").write_text("# comment\nalpha  build\n\nbeta  tests\nnpm  clients\n")
        self.installed("alpha, ", "beta, other")
        self.asked = self.root / "asked"
        self.asked.touch()
        self.asked.chmod(0o666)
        self.root.chmod(0o755)

    def program(self, name, text):
        (self.bin / name).write_text("#!/bin/bash\n" + text)
        (self.bin / name).chmod(0o755)

    def installed(self, *lines):
        self.program("dpkg-query", "cat <<'E'\n" + "".join(f"installed {line}\n" for line in lines) + "E\n")

    def sudo(self, answer=0):
        self.program("sudo", f'echo "$*" >>{self.asked}\nexit {answer}\n')

    def run_setup(self):
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        return subprocess.run([self.root / "scripts/setup"], env={"PATH": str(self.bin)}, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, **user)

    def test_is_silent_where_nothing_is_missing(self):
        self.sudo()
        result = self.run_setup()
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(self.asked.read_text(), "")

    def test_takes_what_another_package_provides(self):
        self.installed("alpha, ", "gamma, beta (= 1.2), delta")
        self.assertEqual(self.run_setup().returncode, 0)

    def test_refreshes_the_lists_and_installs_what_is_missing(self):
        self.installed("alpha, ")
        self.sudo()
        self.assertEqual(self.run_setup().returncode, 0)
        apt = [line.split() for line in self.asked.read_text().splitlines() if "apt-get" in line]
        self.assertEqual([("update" in words, "install" in words) for words in apt], [(True, False), (False, True)])
        self.assertEqual(apt[1][-1], "beta")
        self.assertIn("--no-remove", apt[1])
        self.assertNotIn("alpha", apt[1])

    def test_says_what_is_missing_where_nobody_may_install_it(self):
        self.installed("other, ")
        without_sudo = self.run_setup()
        self.sudo(answer=1)
        without_password = self.run_setup()
        for result in without_sudo, without_password:
            self.assertEqual(result.returncode, 1)
            self.assertIn("missing: alpha beta", result.stderr)

    def test_wants_npm_only_for_clients(self):
        clients = self.root / "tests/clients"
        clients.mkdir(parents=True)
        (clients / "package-lock.json").write_text('{"packages": {"": {"name": "acloud-test-clients"}}}')
        self.assertEqual(self.run_setup().returncode, 0)
        (clients / "package-lock.json").write_text('{"packages": {"": {}, "node_modules/e2b": {"version": "1"}}}')
        self.assertIn("missing: npm", self.run_setup().stderr)


if __name__ == "__main__":
    unittest.main()
