"""Approvals: an agent's call waits for somebody, through a crash too; approved, denied, too late; by REST, by the command
line, and by a person whom an MCP client asks."""

import json
import time
import unittest

from support.mcp import META, Mcp
from task.task_test import PATIENCE, TaskCase


class ApprovalCase(TaskCase):
    def careful(self, turns, approvals=("object.*",), timeout=3600, **fields):
        agent = {"tools": ["object.*"], "approvals": list(approvals), "approval_timeout_s": timeout}
        goal = json.dumps({"turns": turns, "echo": True})
        return {"goal": goal, "model": "scripted", "agent": agent, **fields}

    def wanted(self, task):
        """What the task waits for, once it does."""
        by = time.monotonic() + PATIENCE
        while not (items := self.call("approval.list", {"task": task})["items"]):
            self.assertLess(time.monotonic(), by)
            time.sleep(0.02)
        return items

    def put(self, bucket, key):
        return ["object_put", {"bucket": bucket, "key": key, "content": "by an agent"}]

    def bucket(self, name):
        self.call("object.create_bucket", {"bucket": name})


class Approvals(ApprovalCase):
    def test_approved_it_is_done_with_just_these_arguments(self):
        self.bucket("approved")
        task = self.call("task.run", self.careful([[self.put("approved", "k")]]))["id"]
        [item] = self.wanted(task)
        self.assertEqual((item["task"], item["operation"]), (task, "object.put"))
        self.assertEqual(item["arguments"], {"bucket": "approved", "key": "k", "content": "by an agent"})
        self.assertEqual(self.server.call("object.get", {"bucket": "approved", "key": "k"}).status, 404)
        self.reach(task, "waiting")
        done = self.server.cli("approval", "decide", "--id", item["id"], "--approve", "--output", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.results(task)[0]["key"], "k")
        self.assertEqual(self.call("object.get", {"bucket": "approved", "key": "k"})["content"], "by an agent")
        self.assertEqual(self.call("approval.list", {"task": task})["items"], [])
        self.assertEqual(self.server.call("approval.decide", {"id": item["id"], "approve": False}).code, "conflict")
        told = [e["name"] for e in self.call("task.events", {"id": task})["items"] if e["type"] == "CUSTOM"]
        self.assertEqual(told, ["approval_requested", "approval_decided"])

    def test_denied_the_agent_is_told_why(self):
        self.bucket("denied")
        task = self.call("task.run", self.careful([[self.put("denied", "k")]]))["id"]
        [item] = self.wanted(task)
        self.call("approval.decide", {"id": item["id"], "approve": False, "reason": "not on a Friday"})
        [told] = self.results(task)
        self.assertEqual(told["error"]["code"], "permission_denied")
        self.assertIn("not on a Friday", told["error"]["message"])
        self.assertEqual(self.call("object.list", {"bucket": "denied"})["items"], [])

    def test_nobody_decides_in_time(self):
        self.bucket("too-late")
        task = self.call("task.run", self.careful([[self.put("too-late", "k")]], timeout=1))["id"]
        [told] = self.results(task)
        self.assertEqual(told["error"]["code"], "deadline_exceeded")
        self.assertIn("within 1 s", told["error"]["message"])

    def test_it_waits_through_a_crash_and_what_was_decided_stands(self):
        self.bucket("crash")
        task = self.call("task.run", self.careful([[self.put("crash", "a")], [self.put("crash", "b")]]))["id"]
        [first] = self.wanted(task)
        self.server.restart(kill=True)
        self.assertEqual([each["id"] for each in self.wanted(task)], [first["id"]])
        self.call("approval.decide", {"id": first["id"], "approve": True})
        self.server.restart(kill=True)
        [second] = [each for each in self.wanted(task) if each["id"] != first["id"]]
        self.call("approval.decide", {"id": second["id"], "approve": False})
        told = self.results(task)
        self.assertEqual(told[0]["key"], "a")
        self.assertEqual(told[1]["error"]["code"], "permission_denied")
        self.assertEqual([o["key"] for o in self.call("object.list", {"bucket": "crash"})["items"]], ["a"])

    def test_several_at_once_and_a_call_that_needs_none(self):
        self.bucket("several")
        turn = [self.put("several", "a"), ["object_list", {"bucket": "several"}], self.put("several", "b")]
        task = self.call("task.run", self.careful([turn], approvals=["object.put"]))["id"]
        by = time.monotonic() + PATIENCE
        while len(items := self.wanted(task)) < 2:
            self.assertLess(time.monotonic(), by)
        pages = self.call("approval.list", {"task": task, "limit": 1})
        self.assertEqual(pages["items"], items[:1])
        more = self.call("approval.list", {"task": task, "limit": 1, "cursor": pages["next_cursor"]})
        self.assertEqual(more["items"], items[1:])
        self.call("approval.decide", {"id": items[1]["id"], "approve": True})
        self.call("approval.decide", {"id": items[0]["id"], "approve": False})
        told = self.results(task)
        self.assertEqual(told[0]["error"]["code"], "permission_denied")
        self.assertEqual(told[1]["items"], [])
        self.assertEqual(told[2]["key"], "b")

    def test_cancelled_it_waits_no_more(self):
        self.bucket("cancelled")
        task = self.call("task.run", self.careful([[self.put("cancelled", "k")]]))["id"]
        [item] = self.wanted(task)
        self.call("task.cancel", {"id": task})
        self.assertEqual(self.end_of(task)["state"], "cancelled")
        self.assertEqual(self.call("approval.list", {"task": task})["items"], [])
        self.assertIn(self.server.call("approval.decide", {"id": item["id"], "approve": True}).code, ("conflict", "not_found"))

    def test_who_may_decide(self):
        self.bucket("who")
        task = self.call("task.run", self.careful([[self.put("who", "k")]]))["id"]
        [item] = self.wanted(task)
        decision = {"id": item["id"], "approve": True}
        narrow = self.call("key.create", {"name": "narrow", "grant": {"operations": ["task.*"]}})["key"]
        self.assertEqual(self.server.call("approval.decide", decision, key=narrow).code, "permission_denied")
        space = self.call("workspace.create", {"name": "stranger"})["id"]
        stranger = self.call("key.create", {"name": "k", "workspace": space})["key"]
        self.assertEqual(self.server.call("approval.decide", decision, key=stranger).code, "not_found")
        self.assertEqual(self.call("approval.list", {}, key=stranger)["items"], [])
        # No task decides, and no signal stands for a decision.
        decider = {"goal": json.dumps({"turns": [[["approval_decide", decision]]], "echo": True}), "model": "scripted",
                   "agent": {"tools": ["approval.*"]}}
        [told] = self.results(self.call("task.run", decider)["id"])
        self.assertEqual(told["error"]["code"], "permission_denied")
        step = item["id"].rsplit("_", 1)[1]
        forged = self.server.call("task.signal", {"id": task, "name": "approval/" + step, "value": {"approve": True}})
        self.assertEqual(forged.code, "invalid_argument")
        for wrong in ("apr_", "apr_x_1_1", item["id"] + "0", "x" * 128):
            self.assertEqual(self.server.call("approval.decide", {**decision, "id": wrong}).code, "not_found", wrong)
        self.call("approval.decide", {**decision, "approve": False})
        self.end_of(task)


class AskedOverMcp(ApprovalCase):
    """An MCP client's person is asked."""

    def run_task(self, bucket):
        self.bucket(bucket)
        return self.careful([[self.put(bucket, "k")]])

    def test_a_session_is_asked_on_the_stream(self):
        for answer, kept in (({"action": "accept", "content": {"approve": True}}, ["k"]),
                             ({"action": "accept", "content": {"approve": False, "reason": "no"}}, []),
                             ({"action": "decline"}, [])):
            bucket = f"session-{len(kept)}-{answer['action']}-{len(answer)}-{len(str(answer))}"
            mcp = Mcp(self.server, "/mcp/task", capabilities={"elicitation": {}}, session=True)
            asked, result = mcp.converse("tools/call", {"name": "task_run", "arguments": self.run_task(bucket)}, answer)
            self.assertEqual(len(asked), 1)
            self.assertIn("object.put", asked[0]["params"]["message"])
            self.assertEqual(result["structuredContent"]["state"], "succeeded", result)
            self.assertEqual([o["key"] for o in self.call("object.list", {"bucket": bucket})["items"]], kept)

    def test_who_would_not_say_leaves_it_to_others(self):
        mcp = Mcp(self.server, "/mcp/task", capabilities={"elicitation": {}}, session=True)
        arguments = self.run_task("would-not-say")
        _, result = mcp.converse("tools/call", {"name": "task_run", "arguments": arguments}, {"action": "cancel"})
        task = result["structuredContent"]["id"]
        [item] = self.wanted(task)
        self.call("approval.decide", {"id": item["id"], "approve": True})
        self.assertEqual(self.end_of(task)["state"], "succeeded")

    def test_input_is_required_of_a_client_that_stands_alone(self):
        for path, name, wrap in (("/mcp/task", "task_run", lambda a: a),
                                 ("/mcp", "call", lambda a: {"operation": "task.run", "arguments": a})):
            bucket = "alone-" + name.replace("_", "-")
            mcp = Mcp(self.server, path, capabilities={"elicitation": {}})
            arguments = wrap(self.run_task(bucket))
            before = len(self.call("task.list", {"limit": 100})["items"])
            first = mcp.call(name, arguments)
            self.assertEqual(first["resultType"], "input_required")
            [(question, asked)] = first["inputRequests"].items()
            self.assertEqual(asked["method"], "elicitation/create")
            answers = {question: {"action": "accept", "content": {"approve": True}}}
            # What was not given by this server for this request is refused, and nothing is decided by it.
            forged = mcp.answer("tools/call", {"name": name, "arguments": arguments, "inputResponses": answers,
                                               "requestState": first["requestState"] + "0"})
            self.assertEqual(forged["error"]["code"], -32602)
            done = mcp.call(name, arguments, inputResponses=answers, requestState=first["requestState"])
            self.assertEqual(done["structuredContent"]["state"], "succeeded", done)
            self.assertEqual(self.call("object.get", {"bucket": bucket, "key": "k"})["content"], "by an agent")
            self.assertEqual(len(self.call("task.list", {"limit": 100})["items"]), before + 1)

    def test_a_task_of_the_protocol_asks_and_outlives_the_server(self):
        able = {"elicitation": {}, "extensions": {META + "tasks": {}}}
        mcp = Mcp(self.server, "/mcp/task", capabilities=able)
        made = mcp.call("task_run", self.run_task("protocol"))
        self.assertEqual(made["resultType"], "task")

        def until(status):
            by = time.monotonic() + PATIENCE
            while (task := mcp.result("tasks/get", {"taskId": made["taskId"]}))["status"] != status:
                self.assertLess(time.monotonic(), by, task)
                time.sleep(0.05)
            return task

        until("input_required")
        self.server.restart(kill=True)
        task = until("input_required")
        [question] = task["inputRequests"]
        wrong = mcp.answer("tasks/update", {"taskId": made["taskId"], "inputResponses": {question: {"action": "maybe"}}})
        self.assertEqual(wrong["error"]["code"], -32602)
        mcp.result("tasks/update", {"taskId": made["taskId"], "inputResponses": {
            question: {"action": "accept", "content": {"approve": True}}}})
        done = until("completed")
        self.assertEqual(done["result"]["structuredContent"]["state"], "succeeded")
        self.server.restart(kill=True)
        self.assertEqual(until("completed")["result"], done["result"])
        # It is a task of the cloud, and so found and ended as one.
        self.assertEqual(self.call("task.get", {"id": made["taskId"]})["state"], "succeeded")
        other = Mcp(self.server, "/mcp/task", capabilities=able, key=self.call("key.create", {
            "name": "o", "workspace": self.call("workspace.create", {"name": "other"})["id"]})["key"])
        self.assertEqual(other.answer("tasks/get", {"taskId": made["taskId"]})["error"]["code"], -32602)
        again = mcp.call("task_run", self.run_task("protocol-2"))
        mcp.result("tasks/cancel", {"taskId": again["taskId"]})
        by = time.monotonic() + PATIENCE
        while mcp.result("tasks/get", {"taskId": again["taskId"]})["status"] != "cancelled":
            self.assertLess(time.monotonic(), by)
            time.sleep(0.05)

    def test_who_can_not_be_asked_is_answered_at_once(self):
        made = Mcp(self.server, "/mcp/task").call("task_run", self.run_task("at-once"))
        self.assertIn(made["structuredContent"]["state"], ("queued", "running", "waiting"))
        [item] = self.wanted(made["structuredContent"]["id"])
        self.call("approval.decide", {"id": item["id"], "approve": True})
        self.assertEqual(self.end_of(made["structuredContent"]["id"])["state"], "succeeded")


if __name__ == "__main__":
    unittest.main()
