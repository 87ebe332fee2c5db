"""Video and images from providers that take minutes: asked for once, looked at until they are there, put where the
caller wants them, and paid for once at what the provider says; through faults, cancellations and budgets.

    python3 -m unittest -v gateway.generate_test
"""

import csv
import datetime
import io
import subprocess
import tempfile
import threading
import unittest

from support.budget import held, set_budget
from support.server import Server
from support.tasks import end_of
from support.video import FILE, Video

PATIENCE = 30


class Generations(unittest.TestCase):
    def serve(self, price="second = 0.5", more="", before=(), **provider):
        self.upstream = self.enterContext(Video())
        self.server = self.enterContext(Server(config=self.upstream.config(price, more, **provider), environment={"MOCK_KEY": "k"},
                                               flags=["--log", "error"], before=before))
        return self.upstream

    def ask(self, headers=None, key=None, **fields):
        return self.server.call("model.generate", {"model": "wan", "prompt": "a boat", **fields}, headers=headers, key=key)

    def begin(self, **fields):
        reply = self.ask(**fields)
        self.assertEqual(reply.status, 200, reply.body)
        return reply.json["id"]

    def end(self, task):
        return end_of(self.server, task, PATIENCE)

    def budget(self, limit):
        set_budget(self.server, limit)

    def uses(self):
        """Each use that is recorded."""
        text = self.server.call("usage.export", {"from": "2020-01-01T00:00:00Z"}).json["content"]
        return list(csv.DictReader(io.StringIO(text)))

    def held(self):
        return held(self.server)

    # --- What comes of it. ---

    def test_a_video_is_made_put_into_a_bucket_and_paid_for(self):
        upstream = self.serve()
        self.server.call("object.create_bucket", {"bucket": "films"})
        task = self.begin(duration_s=6, resolution="720P", parameters={"watermark": False}, into={"bucket": "films", "prefix": "boats/"})
        upstream.wait_for("look", 3)
        seen = self.server.call("task.get", {"id": task}).json
        self.assertEqual((seen["state"] in ("running", "waiting"), seen["progress"]["provider"]), (True, "dashscope"), seen)
        upstream.finish(upstream.only())
        ended = self.end(task)
        self.assertEqual(ended["state"], "succeeded", ended)
        result = ended["result"]
        self.assertEqual((result["cost"], result["video_s"], result["resolution"]), ("3", 6, "720P"))
        (item,) = result["items"]
        self.assertEqual((item["bucket"], item["key"], item["content_type"], item["size"]),
                         ("films", f"boats/{task}-1.mp4", "video/mp4", len(FILE)))
        self.assertEqual(self.server.get_bytes("films", item["key"]).body, FILE)
        (path, headers, body), = upstream.requests["make"]
        self.assertEqual((path, headers["x-dashscope-async"], headers["authorization"]),
                         ("/api/v1/services/aigc/video-generation/video-synthesis", "enable", "Bearer k"))
        self.assertEqual(body, {"model": "up-wan", "input": {"prompt": "a boat"},
                                "parameters": {"duration": 6, "resolution": "720P", "watermark": False}})
        (_, headers, _), = upstream.requests["file"]
        self.assertNotIn("authorization", headers, "the key went to where the result is")
        (use,) = self.uses()
        self.assertEqual((use["task"], use["principal"], use["operation"], use["model"], use["provider"], use["cost"], use["video_s"],
                          use["resolution"], use["outcome"], use["estimated"]),
                         (task, task, "model.generate", "wan", "dashscope", "3", "6", "720P", "ok", "false"))
        receipt = self.server.call("usage.receipt", {"task": task}).json
        self.assertEqual((receipt["cost"], receipt["media"]), ("3", {"video_s": 6, "images": 0}))
        items = self.server.call("usage.query", {"group_by": ["operation", "model"]}).json["items"]
        (item,) = [item for item in items if item["group"]["operation"] == "model.generate"]
        self.assertEqual((item["calls"], item["cost"], item["media"]["video_s"], item["group"]["model"]), (1, "3", 6, "wan"))
        month = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m")
        (line,) = self.server.call("usage.statement", {"month": month}).json["lines"]
        self.assertEqual((line["cost"], line["media"]["video_s"], line["uses"]), ("3", 6, 1))
        events = [event for event in self.server.call("task.events", {"id": task}).json["items"]]
        self.assertTrue(any(event.get("name") == "progress" for event in events), events)
        self.assertEqual(events[-1]["type"], "RUN_FINISHED")

    def test_vidu_and_images(self):
        upstream = self.serve()
        upstream.looks = 2
        video = self.end(self.begin(model="vidu", images=["https://example.com/boat.png"], duration_s=4, resolution="1080P"))
        self.assertEqual((video["state"], video["result"]["cost"], video["result"]["resolution"]), ("succeeded", "2", "1080P"), video)
        self.assertEqual(len(video["result"]["items"]), 1)
        path, headers, body = upstream.requests["make"][0]
        self.assertEqual((path, headers["authorization"]), ("/ent/v2/img2video", "Token k"))
        self.assertEqual(body, {"model": "up-vidu", "prompt": "a boat", "images": ["https://example.com/boat.png"], "duration": 4,
                                "resolution": "1080p"})
        upstream.files = 3
        images = self.end(self.begin(model="draw", count=3))
        self.assertEqual((images["state"], images["result"]["cost"], images["result"]["images"]), ("succeeded", "0.75", 3), images)
        self.assertEqual(len(images["result"]["items"]), 3)
        self.assertEqual(sorted(use["cost"] for use in self.uses()), ["0.75", "2"])

    def test_real_usage_is_charged_at_the_price_of_its_resolution(self):
        upstream = self.serve(price='second_at = { "480P" = 0.25, "720P" = 0.5, "1080P" = 1 }')
        self.budget("10")
        task = self.begin(duration_s=5)
        upstream.wait_for("look", 1)
        self.assertEqual(self.held(), 5, "of an unknown resolution the dearest is held")
        upstream.finish(upstream.only(), seconds=3.5, resolution="480P")
        self.assertEqual(self.end(task)["result"]["cost"], "0.875")
        self.assertEqual(self.held(), 0)

    def test_one_idempotency_key_is_one_generation(self):
        upstream = self.serve()
        upstream.looks = 1
        first = self.ask(headers={"Idempotency-Key": "once"})
        again = self.ask(headers={"Idempotency-Key": "once"})
        self.assertEqual(again.json, first.json)
        self.end(first.json["id"])
        self.assertEqual(self.ask(headers={"Idempotency-Key": "once"}).json, first.json)
        self.assertEqual((len(upstream.requests["make"]), len(self.uses())), (1, 1))

    # --- What is refused. ---

    def test_what_can_not_be_is_refused_and_costs_nothing(self):
        upstream = self.serve(more='[[provider]]\nname = "oai"\ndialect = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
                                   '[[model]]\nname = "gpt"\ntargets = [{ provider = "oai", model = "gpt" }]\n')
        for fields, code in (({"model": "none"}, "not_found"), ({"model": "gpt"}, "invalid_argument"), ({"prompt": ""}, "invalid_argument"),
                             ({"count": 2}, "invalid_argument"), ({"parameters": {"n": 4}}, "invalid_argument"),
                             ({"images": ["http://127.0.0.1/x.png"]}, "invalid_argument"),
                             ({"model": "vidu", "negative_prompt": "rain"}, "invalid_argument")):
            self.assertEqual(self.ask(**fields).code, code, fields)
        chat = self.server.call("model.chat", {"model": "wan", "messages": [{"role": "user", "content": "hi"}]})
        self.assertEqual(chat.code, "invalid_argument", chat.body)
        self.assertIn("dashscope", chat.json["error"]["message"])
        grant = {"operations": ["model.*", "task.get"]}
        key = self.server.call("key.create", {"name": "narrow", "grant": grant}).json["key"]
        self.assertEqual(self.ask(key=key, into={"bucket": "films"}).code, "permission_denied")
        self.assertEqual(self.ask(key=key, headers={"Prefer": "dry-run"}).json["dry_run"], True)
        self.assertEqual((len(upstream.requests["make"]), self.uses()), (0, []))
        upstream.looks = 1
        made = self.ask(key=key)  # needs no right to run tasks of its own
        self.assertEqual(self.end(made.json["id"])["state"], "succeeded")

    def test_budgets_hold_what_is_not_made_yet(self):
        upstream = self.serve()
        self.budget("5")
        first = self.begin(duration_s=6)
        refused = self.ask(duration_s=6)
        self.assertEqual((refused.status, refused.code), (402, "budget_exceeded"), refused.body)
        self.assertEqual(self.held(), 3)
        upstream.wait_for("look", 1)
        upstream.finish(upstream.only(), "broken")
        ended = self.end(first)
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "unavailable"))
        self.assertIn("too dark", ended["error"]["message"])
        self.assertEqual((self.held(), self.uses()), (0, []))
        self.end_well(self.begin(duration_s=10))
        self.assertEqual(self.ask(duration_s=1).code, "budget_exceeded")

    def end_well(self, task):
        self.upstream.looks = 1
        self.assertEqual(self.end(task)["state"], "succeeded")

    def test_many_at_once_do_not_overdraw(self):
        upstream = self.serve()
        upstream.looks = 2
        self.budget("10")
        replies = []
        threads = [threading.Thread(target=lambda: replies.append(self.ask(duration_s=2))) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        let = [reply.json["id"] for reply in replies if reply.status == 200]
        self.assertEqual({reply.code for reply in replies if reply.status != 200}, {"budget_exceeded"})
        for task in let:
            self.assertEqual(self.end(task)["state"], "succeeded")
        self.assertEqual((len(let), len(self.uses()), len(upstream.requests["make"])), (10, 10, 10))
        self.assertEqual(self.held(), 0)

    def test_rate_limits_count_it(self):
        self.serve(more='limits = { rpm = 1 }\n')  # of the last model, draw
        self.upstream.looks = 1
        self.end(self.begin(model="draw"))
        self.assertEqual(self.ask(model="draw").code, "rate_limited")

    def test_guardrails_look_at_the_prompt(self):
        self.serve(more='[[guardrail]]\nname = "cards"\ndetect = [{ kind = "payment_card", action = "block" }]\n')
        self.assertEqual(self.ask(prompt="a card with 4111 1111 1111 1111 on it").code, "permission_denied")
        self.assertEqual(len(self.upstream.requests["make"]), 0)

    # --- Faults. ---

    def test_a_provider_that_says_no_for_now_is_asked_again(self):
        upstream = self.serve()
        upstream.looks = 1
        upstream.faults["make"].extend([(429, {"retry-after": "0"}, {"message": "slow down"}), 503])
        self.assertEqual(self.end(self.begin())["state"], "succeeded")
        self.assertEqual((len(upstream.generations), len(upstream.requests["make"]), len(self.uses())), (1, 3, 1))

    def test_a_provider_that_says_no_ends_it(self):
        upstream = self.serve()
        self.budget("5")
        upstream.faults["make"].append((400, {}, {"code": "InvalidParameter", "message": "size is not allowed"}))
        ended = self.end(self.begin())
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "invalid_argument"), ended)
        self.assertIn("size is not allowed", ended["error"]["message"])
        upstream.faults["make"].append(401)
        ended = self.end(self.begin())
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "unavailable"), ended)
        self.assertEqual((self.held(), self.uses(), len(upstream.requests["make"])), (0, [], 2))

    def test_one_that_may_have_begun_is_not_asked_for_again(self):
        upstream = self.serve()
        self.budget("5")
        for fault in ("lost", "reset", "not-json", "no-id", 500):
            upstream.faults["make"].append(fault)
            made = len(upstream.requests["make"])
            ended = self.end(self.begin())
            self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "unavailable"), fault)
            self.assertIn("not known whether", ended["error"]["message"])
            self.assertEqual((len(upstream.requests["make"]) - made, self.held(), self.uses()), (1, 0, []), fault)

    def test_one_that_hangs_is_given_up(self):
        upstream = self.serve(first_token_time_s=0.3)
        upstream.faults["make"].append("hang")
        ended = self.end(self.begin())
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "unavailable"), ended)
        upstream.faults["look"].append("hang")  # a look is made again
        upstream.looks = 1
        self.assertEqual(self.end(self.begin())["state"], "succeeded")
        self.assertEqual(len(self.uses()), 1)

    def test_looks_that_fail_are_made_again(self):
        upstream = self.serve()
        upstream.looks = 1
        upstream.faults["look"].extend([500, "reset", "not-json", 429, (502, {}, b"<html>"), 404, 404])
        self.assertEqual(self.end(self.begin())["state"], "succeeded")
        self.assertEqual((len(upstream.requests["make"]), len(self.uses())), (1, 1))

    def test_one_that_vanishes_costs_nothing(self):
        upstream = self.serve()
        self.budget("5")
        for model in ("wan", "vidu"):
            task = self.begin(model=model)
            upstream.wait_for("look", 1)
            with upstream.lock:
                upstream.generations.clear()
            ended = self.end(task)
            self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "unavailable"), ended)
            self.assertIn("lost", ended["error"]["message"])
            upstream.requests["look"].clear()
        self.assertEqual((self.held(), self.uses()), (0, []))

    def test_results_that_can_not_be_had(self):
        upstream = self.serve(result_bytes=4096)
        upstream.looks = 1
        self.server.call("object.create_bucket", {"bucket": "films"})
        too_large = self.end(self.begin(into={"bucket": "films"}))
        self.assertEqual((too_large["state"], too_large["error"]["code"]), ("failed", "too_large"), too_large)
        self.assertTrue(too_large["result"]["items"][0]["url"].startswith(upstream.url), "where it is, is told all the same")
        self.assertEqual(too_large["result"]["cost"], "2.5", "it was made, and is paid for")
        upstream.file = b"small"
        upstream.faults["file"].extend([500, "reset"])
        fetched = self.end(self.begin(into={"bucket": "films"}))
        self.assertEqual((fetched["state"], fetched["result"]["items"][0]["size"]), ("succeeded", 5), fetched)
        nowhere = self.end(self.begin(into={"bucket": "nowhere"}))
        self.assertEqual((nowhere["state"], nowhere["error"]["code"]), ("failed", "not_found"), nowhere)
        upstream.faults["look"].append((200, {}, {"output": {"task_status": "SUCCEEDED", "video_url": "http://127.0.0.1:9/private"},
                                                  "usage": {"duration": 5}}))
        elsewhere = self.end(self.begin(into={"bucket": "films"}))
        self.assertEqual((elsewhere["state"], elsewhere["error"]["code"]), ("failed", "invalid_argument"), elsewhere)
        self.assertEqual([use["cost"] for use in self.uses()], ["2.5"] * 4)

    def test_a_public_name_does_not_lead_to_this_machine(self):
        hosts = self.enterContext(tempfile.NamedTemporaryFile("w"))
        hosts.write("127.0.0.1 films.example.com localhost\n")
        hosts.flush()
        names = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts.name]
        if subprocess.run([*names, "true"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("names can't be given to a server here: that takes root's rights")
        upstream = self.serve(before=names)
        self.server.call("object.create_bucket", {"bucket": "films"})
        url = upstream.url.replace("127.0.0.1", "films.example.com") + "/files/secret"
        upstream.faults["look"].append((200, {}, {"output": {"task_status": "SUCCEEDED", "video_url": url}, "usage": {"duration": 5}}))
        ended = self.end(self.begin(into={"bucket": "films"}))
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "invalid_argument"), ended)
        self.assertIn("not of the public internet", ended["error"]["message"])
        self.assertEqual(upstream.requests["file"], [])

    # --- Stopped. ---

    def test_one_that_waits_is_cancelled_at_the_provider(self):
        upstream = self.serve()
        self.budget("5")
        task = self.begin()
        upstream.wait_for("look", 1)
        upstream.finish(upstream.only(), "waiting")
        self.server.call("task.cancel", {"id": task})
        self.assertEqual(self.end(task)["state"], "cancelled")
        self.assertEqual((len(upstream.requests["cancel"]), self.held(), self.uses()), (1, 0, []))

    def test_one_that_runs_is_seen_to_its_end_and_paid_for(self):
        upstream = self.serve()
        self.budget("5")
        self.server.call("object.create_bucket", {"bucket": "films"})
        task = self.begin(into={"bucket": "films"})
        upstream.wait_for("look", 1)
        self.server.call("task.cancel", {"id": task})
        upstream.wait_for("cancel", 1)
        upstream.wait_for("look", len(upstream.requests["look"]) + 2)
        self.assertEqual(self.held(), 2.5)
        self.assertNotEqual(self.server.call("task.get", {"id": task}).json["state"], "cancelled")
        upstream.finish(upstream.only())
        ended = self.end(task)
        self.assertEqual((ended["state"], ended["result"]["cost"]), ("cancelled", "2.5"), ended)
        self.assertEqual((self.held(), len(self.uses()), len(upstream.requests["file"])), (0, 1, 0))

    def test_a_deadline_stops_it(self):
        upstream = self.serve()
        task = self.begin(deadline_s=1)
        upstream.wait_for("cancel", 1)
        upstream.finish(upstream.only(), "broken")
        ended = self.end(task)
        self.assertEqual((ended["state"], ended["error"]["code"]), ("failed", "deadline_exceeded"), ended)
        self.assertEqual(self.uses(), [])
        self.assertEqual(self.server.call("task.retry", {"id": task}).code, "conflict")

    def test_a_task_pays_for_what_it_asks_for(self):
        upstream = self.serve()
        upstream.looks = 1
        program = ("import json, os, time, urllib.error, urllib.request\n"
                   "def call(name, body):\n"
                   "    request = urllib.request.Request(os.environ['ACLOUD_URL'] + '/api/' + name, json.dumps(body).encode(),\n"
                   "        {'Authorization': 'Bearer ' + os.environ['ACLOUD_API_KEY'], 'Content-Type': 'application/json'})\n"
                   "    try:\n"
                   "        return json.load(urllib.request.urlopen(request))\n"
                   "    except urllib.error.HTTPError as error:\n"
                   "        return json.load(error)\n"
                   "first = call('model/generate', {'model': 'wan', 'prompt': 'a boat', 'duration_s': 4})\n"
                   "while call('task/get', {'id': first['id']})['state'] in ('queued', 'running', 'waiting'):\n"
                   "    time.sleep(0.05)\n"
                   "second = call('model/generate', {'model': 'wan', 'prompt': 'a boat', 'duration_s': 4})\n"
                   "print(json.dumps([first, second]))\n")
        run = self.server.call("task.run", {"goal": "film", "budget": "3", "tools": ["model.generate", "task.get"],
                                            "program": {"command": ["python3", "film.py"], "files": [{"path": "film.py", "content": program}]}})
        self.assertEqual(run.status, 200, run.body)
        parent = self.end(run.json["id"])
        self.assertEqual(parent["state"], "succeeded", parent)
        self.assertIn("budget_exceeded", parent["result"]["stdout"], parent)
        (use,) = self.uses()
        self.assertEqual((use["cost"], len(upstream.requests["make"])), ("2", 1))
        self.assertEqual(self.server.call("task.get", {"id": use["task"]}).json["parent"], parent["id"])


if __name__ == "__main__":
    unittest.main()
