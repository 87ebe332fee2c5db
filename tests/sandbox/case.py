"""A server with sandboxes, for the tests of a class."""

import os
import time
import unittest

from support.server import Server


NOBODY = 65534


class Case(unittest.TestCase):
    """A server for the class, whose sandboxes are all killed at its end."""

    user = None

    @classmethod
    def setUpClass(cls):
        if cls.user is not None and os.geteuid() != 0:
            raise unittest.SkipTest("whoever is not root has run this already")
        cls.server = Server(user=cls.user)
        try:
            cls.server.start()
        except PermissionError:
            raise unittest.SkipTest(f"user {cls.user} may not run the server's binary") from None
        made = cls.server.call("sandbox.create")
        if made.status == 503:
            cls.server.__exit__()
            raise unittest.SkipTest(made.json["error"]["message"])
        cls.first = made.json["id"]
        unenforced = cls.server.call("sandbox.get", {"id": cls.first}).json["not_enforced"]
        cls.can_pause = not any(line.startswith("freeze:") for line in unenforced)
        cls.can_end_programs = not any(line.startswith(("freeze:", "kill_tree:")) for line in unenforced)

    @classmethod
    def tearDownClass(cls):
        try:
            if cls.server.process is None:
                cls.server.start()
            left = cls.server.call("sandbox.list", {"limit": 1000})
            assert left.status == 200, left.body
            for item in left.json["items"]:
                cls.server.call("sandbox.kill", {"id": item["id"]})
        finally:
            cls.server.__exit__()

    def create(self, key=None, **arguments):
        made = self.server.call("sandbox.create", arguments, key)
        self.assertEqual(made.status, 200, made.body)
        return made.json["id"]

    def exec(self, sandbox, command, **arguments):
        done = self.server.call("sandbox.exec", {"id": sandbox, "command": command, **arguments})
        self.assertEqual(done.status, 200, done.body)
        return done.json

    def output(self, sandbox, command, **arguments):
        return self.exec(sandbox, command, **arguments)["stdout"]

    def state(self, sandbox):
        return self.server.call("sandbox.get", {"id": sandbox}).json["state"]

    def until(self, holds, seconds=20):
        end = time.monotonic() + seconds
        while not holds():
            self.assertLess(time.monotonic(), end, "it did not come to pass in time")
            time.sleep(0.02)
