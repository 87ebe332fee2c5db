"""The contract's lines about the REST surface: shapes, codes, descriptions, health."""

import json
import unittest

from support.server import Server


class Rest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def test_every_response_carries_a_request_id(self):
        ids = {self.server.call("object.list_buckets").headers["x-request-id"] for _ in range(3)}
        self.assertEqual(len(ids), 3)
        missing = self.server.call("object.get", {"bucket": "nope", "key": "k"})
        self.assertEqual(missing.json["error"]["request_id"], missing.headers["x-request-id"])
        for path in ("/healthz", "/nowhere"):
            self.assertIn("x-request-id", self.server.request("GET", path).headers, path)

    def test_errors_have_the_documented_shape_and_status(self):
        for operation, arguments, key, status, code in (
                ("object.get", {"bucket": "nope", "key": "k"}, None, 404, "not_found"),
                ("object.get", {"bucket": "nope"}, None, 400, "invalid_argument"),
                ("object.nothing", {}, None, 404, "not_found"),
                ("object.list_buckets", {}, "", 401, "unauthenticated"),
                ("object.list_buckets", {}, "acloud_" + "0" * 40, 401, "unauthenticated"),
                ("object.list_buckets", {}, "nonsense", 401, "unauthenticated")):
            reply = self.server.call(operation, arguments, key=key)
            self.assertEqual((reply.status, reply.code), (status, code), operation)
            self.assertEqual(set(reply.json["error"]), {"code", "message", "details", "request_id"})
            self.assertEqual(reply.headers["content-type"], "application/json")
        self.assertEqual(self.server.call("object.list_buckets", key="").headers["www-authenticate"], "Bearer")

    def test_messages_say_what_to_do(self):
        wrong = self.server.call("object.creat_bucket")
        self.assertIn("did you mean object.create_bucket?", wrong.json["error"]["message"])
        unknown = self.server.call("object.create_bucket", {"bucket": "abc", "buket": 1})
        self.assertIn("did you mean bucket?", unknown.json["error"]["message"])
        short = self.server.call("object.create_bucket", {"bucket": "A"})
        self.assertEqual(short.json["error"]["details"], {"field": "bucket"})
        self.assertIn('"A" is not 3 to 63', short.json["error"]["message"])

    def test_wrong_methods_name_the_right_one(self):
        for method, path, allowed in (("GET", "/api/object/list_buckets", "POST"), ("DELETE", "/api/object/put", "POST"),
                                      ("POST", "/healthz", "GET"), ("PUT", "/openapi.json", "GET")):
            reply = self.server.request(method, path)
            self.assertEqual(reply.status, 405, path)
            self.assertEqual(reply.headers["allow"], allowed)

    def test_json_is_taken_under_the_names_that_clients_use(self):
        for kind in ("application/json", "application/json; charset=utf-8", "application/x-www-form-urlencoded"):
            self.assertEqual(self.server.call("object.list_buckets", headers={"Content-Type": kind}).status, 200)
        self.assertEqual(self.server.call("object.list_buckets", headers={"Content-Type": "text/xml"}).code,
                         "invalid_argument")
        self.assertEqual(self.server.request("POST", "/api/object/list_buckets").status, 200)

    def test_health_needs_no_key(self):
        for path in ("/healthz", "/readyz"):
            reply = self.server.request("GET", path, key="")
            self.assertEqual((reply.status, reply.body), (200, b"ok\n"))
        self.assertEqual(self.server.request("HEAD", "/healthz", key="").body, b"")

    def test_metrics_count_calls(self):
        self.server.call("object.list_buckets")
        self.server.call("object.get", {"bucket": "nope", "key": "k"})
        text = self.server.request("GET", "/metrics", key="").body.decode()
        self.assertRegex(text, r'acloud_calls_total\{operation="object.list_buckets",outcome="ok"\} [1-9]')
        self.assertRegex(text, r'acloud_calls_total\{operation="object.get",outcome="not_found"\} [1-9]')
        self.assertRegex(text, r'acloud_call_duration_seconds_bucket\{operation="object.list_buckets",le="')
        self.assertRegex(text, r"(?m)^process_resident_memory_bytes [1-9]")

    def test_the_catalog_lists_every_operation_of_the_contract(self):
        reply = self.server.request("GET", "/api", key="")
        operations = {f"{p['name']}.{o['name']}" for p in reply.json["products"] for o in p["operations"]}
        for name in ("workspace.create workspace.list workspace.delete key.create key.list key.revoke "
                     "object.create_bucket object.list_buckets object.delete_bucket object.put object.get "
                     "object.list object.delete").split():
            self.assertIn(name, operations)
        for product in reply.json["products"]:
            for operation in product["operations"]:
                self.assertTrue(operation["summary"].endswith("."))
                self.assertTrue(operation["examples"], operation["name"])
        unchanged = self.server.request("GET", "/api", headers={"If-None-Match": reply.headers["etag"]})
        self.assertEqual((unchanged.status, unchanged.body), (304, b""))

    def test_openapi_describes_every_route(self):
        document = self.server.request("GET", "/openapi.json", key="").json
        self.assertEqual(document["openapi"], "3.1.0")
        catalog = self.server.request("GET", "/api", key="").json
        routes = {f"/api/{p['name']}/{o['name']}" for p in catalog["products"] for o in p["operations"]}
        self.assertEqual(set(document["paths"]), routes)
        put = document["paths"]["/api/object/put"]["post"]
        self.assertIn("application/octet-stream", put["requestBody"]["content"])
        self.assertTrue(put["requestBody"]["content"]["application/json"]["examples"])
        self.assertIn("Error", document["components"]["schemas"])

    def operations(self):
        """Name and description of every operation of the catalog."""
        catalog = self.server.request("GET", "/api", key="").json
        return {f"{p['name']}.{o['name']}": o for p in catalog["products"] for o in p["operations"]}

    def everything(self):
        """What every list that needs no arguments gives."""
        lists = {name for name, operation in self.operations().items()
                 if operation["effect"] == "read" and name.split(".")[1].startswith("list")
                 and not operation["request"].get("required")}
        self.assertLessEqual({"workspace.list", "key.list", "object.list_buckets"}, lists)
        return {name: self.server.call(name).json for name in sorted(lists)}

    def test_every_example_of_the_catalog_is_a_valid_request_and_a_dry_run_does_nothing(self):
        """Dry-run checks the request whole; reads are simply made."""
        before = self.everything()
        for name, operation in self.operations().items():
            for example in operation["examples"]:
                with self.subTest(operation=name, request=example["request"]):
                    read = operation["effect"] == "read"
                    # Some reads are a stream or nothing.
                    accept = {"Accept": "text/event-stream"} if read and operation["streams"] else {}
                    reply = self.server.call(name, example["request"], headers={"Prefer": "dry-run", **accept})
                    self.assertNotIn(b'"code":"invalid_argument"', reply.body)
                    if read:
                        continue
                    self.assertEqual(reply.status, 200, reply.body)
                    shown = {field: reply.json[field] for field in ("dry_run", "operation", "effect")}
                    self.assertEqual(shown, {"dry_run": True, "operation": name, "effect": operation["effect"]})
        self.assertEqual(self.everything(), before)

    def test_a_deadline_is_kept(self):
        for value in ("soon", "-1", "0", "1e9"):
            reply = self.server.call("object.list_buckets", headers={"acloud-timeout-s": value})
            self.assertEqual(reply.code, "invalid_argument", value)
        self.server.call("object.create_bucket", {"bucket": "deadline"})
        connection = self.server.connect()
        connection.putrequest("POST", "/api/object/put?bucket=deadline&key=k")
        for name, value in (("Authorization", "Bearer " + self.server.key), ("acloud-timeout-s", "0.2"),
                            ("Content-Type", "application/octet-stream"), ("Content-Length", "10")):
            connection.putheader(name, value)
        connection.endheaders(b"half")
        response = connection.getresponse()
        self.assertEqual(response.status, 504)
        self.assertEqual(json.loads(response.read())["error"]["code"], "deadline_exceeded")
        connection.close()
        self.assertEqual(self.server.call("object.get", {"bucket": "deadline", "key": "k"}).code, "not_found")


if __name__ == "__main__":
    unittest.main()
