"""The contract's lines about starting, stopping, the data folder and the configuration."""

import os
import signal
import sqlite3
import ssl
import stat
import subprocess
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

from support.server import BINARY, Server


class StartStop(unittest.TestCase):
    def test_first_start_makes_a_private_folder_and_a_root_key(self):
        with tempfile.TemporaryDirectory() as parent:
            data = os.path.join(parent, "data")
            with Server(data=data) as server:
                self.assertEqual(stat.S_IMODE(os.stat(data).st_mode), 0o700)
                self.assertEqual(stat.S_IMODE(os.stat(os.path.join(data, "root.key")).st_mode), 0o600)
                self.assertRegex(server.key, r"^acloud_[0-9a-f]{40}$")
                self.assertEqual(server.call("object.list_buckets").status, 200)

    def test_the_same_key_works_in_both_forms_and_headers_and_after_a_restart(self):
        with Server() as server:
            first = server.key
            server.restart()
            self.assertEqual(server.key, first)
            digits = server.key.removeprefix("acloud_")
            for headers in ({"x-api-key": server.key}, {"X-API-KEY": "e2b_" + digits},
                            {"Authorization": "bearer " + server.key}):
                self.assertEqual(server.call("key.list", key="", headers=headers).status, 200)

    def test_only_a_hash_of_a_key_is_stored(self):
        with Server() as server:
            server.call("key.create", {"name": "ci"})
            server.stop()
            digits = server.key.removeprefix("acloud_").encode()
            for name in os.listdir(server.data):
                path = os.path.join(server.data, name)
                if name != "root.key" and os.path.isfile(path):
                    with open(path, "rb") as file:
                        self.assertNotIn(digits, file.read(), name)

    def test_a_second_server_on_the_folder_exits_3_and_names_the_first(self):
        with Server() as server:
            second = subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--data", server.data],
                                    capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(second.returncode, 3)
            self.assertIn(str(server.process.pid), second.stderr)

    def test_sigterm_and_sigint_exit_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Server() as server:
                process = server.process
                process.send_signal(number)
                self.assertEqual(process.wait(20), 0)

    def test_a_running_call_finishes_and_new_ones_are_refused(self):
        with Server(flags=["--drain", "20s"]) as server:
            server.call("object.create_bucket", {"bucket": "drain"})
            connection = server.connect()
            connection.putrequest("POST", "/api/object/put?bucket=drain&key=slow")
            connection.putheader("Authorization", "Bearer " + server.key)
            connection.putheader("Content-Type", "application/octet-stream")
            connection.putheader("Content-Length", "6")
            connection.endheaders(b"abc")
            # An answer on a second connection means that the first one's head has been read.
            server.request("GET", "/healthz")
            process = server.process
            ended = threading.Thread(target=process.wait)
            process.send_signal(signal.SIGTERM)
            ended.start()
            while True:
                try:
                    server.request("GET", "/healthz")
                except OSError:
                    break
            connection.send(b"def")
            self.assertEqual(connection.getresponse().status, 200)
            ended.join(20)
            self.assertEqual(process.returncode, 0)
            server.process = None
            server.start()
            self.assertEqual(server.get_bytes("drain", "slow").body, b"abcdef")

    def test_drain_ends_calls_that_do_not_finish(self):
        with Server(flags=["--drain", "1s"]) as server:
            server.call("object.create_bucket", {"bucket": "drain"})
            connection = server.connect()
            connection.putrequest("POST", "/api/object/put?bucket=drain&key=slow")
            connection.putheader("Authorization", "Bearer " + server.key)
            connection.putheader("Content-Type", "application/octet-stream")
            connection.putheader("Content-Length", "6")
            connection.endheaders(b"abc")
            server.request("GET", "/healthz")
            self.assertEqual(server.stop(timeout=20), 0)
            connection.close()

    def test_kill_loses_nothing_acknowledged(self):
        with Server() as server:
            server.call("object.create_bucket", {"bucket": "kept"})
            large = os.urandom(300_000)
            self.assertEqual(server.put_bytes("kept", "large", large).status, 200)
            self.assertEqual(server.call("object.put", {"bucket": "kept", "key": "small", "content": "x"}).status, 200)
            server.restart(kill=True)
            self.assertEqual(server.get_bytes("kept", "large").body, large)
            self.assertEqual(server.call("object.get", {"bucket": "kept", "key": "small"}).json["content"], "x")

    def test_stopping_leaves_all_in_the_database_and_nothing_in_its_log(self):
        with Server() as server:
            server.call("object.create_bucket", {"bucket": "folded"})
            log = os.path.join(server.data, "acloud.db-wal")
            self.assertGreater(os.path.getsize(log), 0)
            self.assertEqual(server.stop(), 0)
            self.assertFalse(os.path.exists(log) and os.path.getsize(log))
            with sqlite3.connect(os.path.join(server.data, "acloud.db")) as database:
                self.assertEqual(database.execute("SELECT bucket FROM buckets").fetchall(), [("folded",)])

    def test_a_newer_data_folder_is_refused_and_left_alone(self):
        with Server() as server:
            server.stop()
            with sqlite3.connect(os.path.join(server.data, "acloud.db")) as database:
                database.execute("INSERT INTO acloud_migrations VALUES ('from-the-future-1', 1000)")
            with self.assertRaisesRegex(RuntimeError, "from-the-future-1.*a newer one wrote it. Start that version"):
                server.start()
            with sqlite3.connect(os.path.join(server.data, "acloud.db")) as database:
                database.execute("DELETE FROM acloud_migrations WHERE name = 'from-the-future-1'")
            server.start()
            self.assertEqual(server.call("object.list_buckets").status, 200)

    def test_wrong_usage_exits_2(self):
        for flags in (["--nonsense"], ["--listen", "nowhere"], ["--drain", "soon"]):
            with tempfile.TemporaryDirectory() as data:
                ended = subprocess.run([BINARY, "serve", "--data", data, *flags], capture_output=True, text=True,
                                       timeout=20, check=False)
                self.assertEqual(ended.returncode, 2, flags)
                self.assertTrue(ended.stderr)


class Configuration(unittest.TestCase):
    def refused(self, config):
        with tempfile.TemporaryDirectory() as data:
            path = os.path.join(data, "acloud.toml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(config)
            ended = subprocess.run([BINARY, "serve", "--data", data, "--config", path], capture_output=True,
                                   text=True, timeout=20, check=False)
            self.assertEqual(ended.returncode, 2)
            return ended.stderr

    def test_an_unknown_key_is_an_error_that_names_the_line(self):
        self.assertIn("acloud.toml:3: server: unknown field \"lisen\"; did you mean listen?",
                      self.refused("[server]\nthreads = 1\nlisen = \"x\"\n"))

    def test_a_wrong_value_names_line_and_field(self):
        self.assertIn("acloud.toml:2: server.threads: 0 is below the minimum 1", self.refused("[server]\nthreads = 0\n"))
        self.assertIn("acloud.toml:2:", self.refused("[server]\nlisten = \n"))

    def test_https_is_served_with_the_certificate_of_the_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=localhost",
                            "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            files = f'[server.tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
            with Server(config=files) as server:
                self.assertIn(f"listening on https://127.0.0.1:{server.port}\n", server.log)
                url = f"https://127.0.0.1:{server.port}/healthz"
                trusting = ssl.create_default_context(cafile=certificate)
                with urllib.request.urlopen(url, context=trusting, timeout=30) as reply:
                    self.assertEqual((reply.status, reply.read()), (200, b"ok\n"))
                with self.assertRaises(urllib.error.URLError):
                    urllib.request.urlopen(url, context=ssl.create_default_context(), timeout=30)
                self.assertIn(b"object", server.cli("object", "--help", environment={
                    "ACLOUD_URL": f"https://127.0.0.1:{server.port}", "SSL_CERT_FILE": certificate}).stdout)
            os.remove(key)
            with self.assertRaisesRegex(RuntimeError, "key.pem"):
                Server(config=files).start()

    def test_values_are_used(self):
        with Server(config="[server]\nthreads = 1\n[server.limits]\nheader_bytes = 2048\n") as server:
            reply = server.request("GET", "/healthz", headers={"X-Long": "y" * 4000})
            self.assertEqual(reply.status, 431)


if __name__ == "__main__":
    unittest.main()
