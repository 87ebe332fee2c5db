"""A call that needs a person's yes, through the public TypeScript clients in both generations, over HTTP and stdio: the
client is asked, and what its person says is done."""

import json
import unittest

from support.mcp import VERSION
from support.mcp_clients import needs_clients, run_node
from support.server import BINARY
from task.approval_test import ApprovalCase

ANSWERS = {"yes": {"action": "accept", "content": {"approve": True}},
           "no": {"action": "accept", "content": {"approve": False, "reason": "not today"}},
           "decline": {"action": "decline"}}


@needs_clients
class Elicitation(ApprovalCase):
    def elicit(self, library, words, answer, call):
        return run_node(self, self.server, "elicit.mjs", library, json.dumps(ANSWERS[answer]), json.dumps(call), *words)

    def transports(self, path):
        yield "http", ["http", f"{self.server.url}/{path}", self.server.key]
        yield "stdio", ["stdio", BINARY, *path.split("/")]

    def test_the_person_is_asked_and_obeyed(self):
        for library, version in (("sdk", "2025-11-25"), ("client", VERSION)):
            for transport, words in self.transports("mcp/task"):
                for answer in ANSWERS:
                    with self.subTest(library=library, transport=transport, answer=answer):
                        bucket = f"{library}-{transport}-{answer}"
                        self.bucket(bucket)
                        call = {"name": "task_run", "arguments": self.careful([[self.put(bucket, "k")]])}
                        seen = self.elicit(library, words, answer, call)
                        if seen["version"]:
                            self.assertEqual(seen["version"], version)
                        self.assertEqual(len(seen["asked"]), 1)
                        self.assertIn("object.put", seen["asked"][0]["message"])
                        self.assertEqual(seen["result"]["structuredContent"]["state"], "succeeded", seen)
                        kept = [each["key"] for each in self.call("object.list", {"bucket": bucket})["items"]]
                        self.assertEqual(kept, ["k"] if answer == "yes" else [])

    def test_through_the_meta_tools(self):
        for library in ("sdk", "client"):
            with self.subTest(library):
                bucket = f"{library}-meta"
                self.bucket(bucket)
                arguments = {"operation": "task.run", "arguments": self.careful([[self.put(bucket, "k")]])}
                _, words = next(self.transports("mcp"))
                seen = self.elicit(library, words, "yes", {"name": "call", "arguments": arguments})
                self.assertEqual(seen["result"]["structuredContent"]["state"], "succeeded", seen)
                self.assertEqual(self.call("object.get", {"bucket": bucket, "key": "k"})["content"], "by an agent")


if __name__ == "__main__":
    unittest.main()
