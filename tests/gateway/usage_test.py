"""What was used, as the workspace and its operator see it: queries, statements and exports of calls whose figures
are known beforehand.

    python3 -m unittest -v gateway.usage_test
"""

import csv
import datetime
import io
import json
import time
import unittest

from support.server import Server
from support.upstream import CACHED, INPUT, WORDS, Upstream

# A chat reads 25 tokens, 8 of them from the cache, and writes 9, at 1 and 10 for a million, 0.1 from the cache.
CHAT = "0.0001078"    # 17 * 0.000001 + 8 * 0.0000001 + 9 * 0.00001
BATCHED = "0.0000575"  # 25 * 0.0000005 + 9 * 0.000005
TOKENS = {"input_uncached": 17, "cache_read": 8, "cache_write_5m": 0, "cache_write_1h": 0, "output": 9, "reasoning": 0}


class Usage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        assert (INPUT, CACHED, len(WORDS)) == (25, 8, 9)
        cls.upstream = Upstream().__enter__()
        config = cls.upstream.config().replace(
            'name = "gpt"\n', 'name = "gpt"\nretries = 0\nprice = { input = 1, output = 10, cache_read = 0.1 }\n')
        cls.server = Server(config=config + '[usage]\ncurrency = "EUR"\n', environment={"MOCK_KEY": "k"}, flags=["--log", "warn"]).start()
        cls.workspace = cls.server.call("workspace.create", {"name": "billed"}).json["id"]
        made = cls.server.call("key.create", {"name": "first", "workspace": cls.workspace}).json
        cls.key, cls.key_id = made["key"], made["id"]
        cls.began = datetime.datetime.now(datetime.timezone.utc)
        for _ in range(3):
            cls.chat()
        line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions",
                "body": {"model": "gpt", "messages": [{"role": "user", "content": "Hi"}]}}
        file = cls.call("batch.upload_file", {"filename": "f", "purpose": "batch", "content": json.dumps(line)})["id"]
        batch = cls.call("batch.create", {"input_file": file, "endpoint": "/v1/chat/completions"})["id"]
        for _ in range(600):
            if "ended" in cls.call("batch.get", {"id": batch}):
                break
            time.sleep(0.05)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.upstream.__exit__()

    @classmethod
    def call(cls, operation, arguments=None):
        reply = cls.server.call(operation, arguments, key=cls.key)
        assert reply.status == 200, reply.body
        return reply.json

    @classmethod
    def chat(cls, key=None):
        reply = cls.server.request("POST", "/v1/chat/completions", json.dumps(
            {"model": "gpt", "messages": [{"role": "user", "content": "Hello"}]}), {"Content-Type": "application/json"}, key or cls.key)
        assert reply.status == 200, reply.body

    @classmethod
    def since(cls, **fields):
        return {"from": cls.began.strftime("%Y-%m-%dT%H:00:00Z"), **fields}

    def test_a_query_adds_up(self):
        items = self.call("usage.query", self.since(group_by=["model", "key"]))["items"]
        of_model = [item for item in items if item["group"]["model"]]
        self.assertEqual(len(of_model), 1)
        item = of_model[0]
        self.assertEqual(item["group"], {"model": "gpt", "key": self.key_id})
        self.assertEqual((item["calls"], item["failed"], item["estimated"]), (4, 0, 0))
        self.assertEqual(item["tokens"], {name: 4 * count for name, count in TOKENS.items()})
        self.assertEqual((item["cost"], item["currency"]), ("0.0003809", "EUR"))  # 3 * CHAT + BATCHED
        products = {item["group"]["product"]: item["cost"] for item in self.call("usage.query", self.since(group_by=["product"]))["items"]}
        self.assertEqual((products["model"], products["batch"]), ("0.0003809", "0"))

    def test_a_statement_is_the_months_bill(self):
        months = {moment.strftime("%Y-%m") for moment in (self.began, datetime.datetime.now(datetime.timezone.utc))}
        lines = [line for month in months for line in self.call("usage.statement", {"month": month})["lines"]]
        self.assertEqual([(line["model"], line["provider"], line["batch"], line["uses"], line["cost"]) for line in lines],
                         [("gpt", "oai", False, 3, "0.0003234"), ("gpt", "oai", True, 1, BATCHED)])
        bill = self.call("usage.statement", {"month": min(months)})
        self.assertEqual((bill["workspace"], bill["currency"], bill["closed"]), (self.workspace, "EUR", False))
        self.assertEqual(self.server.call("usage.statement", {"month": "2026-13"}, key=self.key).code, "invalid_argument")

    def export(self, **fields):
        return self.server.request("POST", "/api/usage/export", json.dumps(self.since(**fields)), {
            "Content-Type": "application/json", "Accept": "application/octet-stream"}, self.key)

    def test_an_export_has_each_use(self):
        reply = self.export()
        self.assertTrue(reply.headers["content-type"].startswith("text/csv"))
        rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
        self.assertEqual([(row["model"], row["batch"], row["cost"], row["currency"]) for row in rows],
                         [("gpt", "false", CHAT, "EUR")] * 3 + [("gpt", "true", BATCHED, "EUR")])
        self.assertEqual({name: int(rows[0][name]) for name in TOKENS}, TOKENS)
        self.assertEqual(self.call("usage.export", self.since())["content"], reply.body.decode())
        events = self.export(format="cloudevents")
        self.assertEqual(events.headers["content-type"], "application/cloudevents-batch+json")
        self.assertEqual(len(events.json), 4)
        self.assertEqual({event["id"] for event in events.json}, {f"{row['request_id']}/0" for row in rows})
        self.assertEqual(events.json[0]["data"]["tokens"], TOKENS)
        printed = self.server.cli("usage", "export", "--from", self.since()["from"], environment={"ACLOUD_API_KEY": self.key})
        self.assertEqual(printed.returncode, 0, printed.stderr)
        self.assertIn(CHAT, printed.stdout.decode())

    def test_who_answers_for_the_cloud_sees_all_and_others_their_own(self):
        other = self.server.call("workspace.create", {"name": "nosy"}).json["id"]
        key = self.server.call("key.create", {"name": "first", "workspace": other}).json["key"]
        for operation, arguments in (("query", {}), ("statement", {"month": "2026-11"}), ("export", self.since())):
            refused = self.server.call(f"usage.{operation}", {**arguments, "workspace": self.workspace}, key=key)
            self.assertEqual(refused.code, "not_found", operation)
        self.assertEqual(self.server.call("usage.query", {"workspace": "*"}, key=key).code, "not_found")
        self.assertEqual([item for item in self.server.call("usage.query", key=key).json["items"] if item["group"]["model"]], [])
        seen = self.server.call("usage.query", self.since(workspace="*", model="gpt", group_by=["workspace"])).json["items"]
        self.assertEqual([(item["group"]["workspace"], item["calls"]) for item in seen], [(self.workspace, 4)])
        bill = self.server.call("usage.statement", {"month": self.began.strftime("%Y-%m"), "workspace": self.workspace})
        self.assertEqual(bill.json["workspace"], self.workspace)

    def test_the_operator_sees_the_business(self):
        self.assertEqual(self.server.call("usage.overview", key=self.key).code, "permission_denied")
        seen = self.server.call("usage.overview", self.since()).json
        self.assertEqual([(c["workspace"], c["calls"], c["revenue"], c["share"]) for c in seen["customers"]],
                         [(self.workspace, 4, "0.0003809", 1)])
        self.assertEqual((seen["total"]["revenue"], seen["others"]["customers"], seen["currency"]), ("0.0003809", 0, "EUR"))
        self.assertEqual(seen["customers"][0]["models"][0]["tokens"], {name: 4 * count for name, count in TOKENS.items()})
        keys = self.server.call("usage.overview", self.since(by="key")).json["customers"]
        self.assertEqual([(c["key"], c["revenue"]) for c in keys], [(self.key_id, "0.0003809")])
        printed = self.server.cli("usage", "overview", "--by", "key", "--output", "json")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        self.assertEqual(json.loads(printed.stdout)["customers"][0]["key"], self.key_id)

    def test_prices_are_what_calls_are_charged_by(self):
        listed = self.call("usage.prices")["items"]
        self.assertEqual([item["model"] for item in listed], ["gpt"])
        self.assertEqual(self.call("usage.prices", {"model": "gpt"})["items"], listed)
        rates = listed[0]["prices"]["tiers"][0]["rates"]
        self.assertEqual([rates[name] for name in ("input", "cache_read", "output", "batch_input", "batch_output")],
                         ["0.000001", "0.0000001", "0.00001", "0.0000005", "0.000005"])
        self.assertEqual(listed[0]["currency"], "EUR")
        self.assertEqual(self.server.call("usage.prices", {"model": "claude"}).code, "not_found")

    def test_what_makes_no_sense_is_refused(self):
        for arguments in ({"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, {"group_by": []},
                          {"group_by": ["colour"]}, {"cursor": "zz"}):
            self.assertEqual(self.server.call("usage.query", arguments).code, "invalid_argument", arguments)


if __name__ == "__main__":
    unittest.main()
