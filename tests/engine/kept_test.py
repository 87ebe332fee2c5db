"""What a model has computed of prompts outlasts its server: kept on disk, within its limit, and of use to the same
model alone."""

import json
import os
import random
import stat
import time
import unittest

from support.server import ROOT, Server

MODEL = os.environ.get("ACLOUD_RANDOM_MODEL", os.path.join(ROOT, "build", "random-tiny.gguf"))
DEADLINE_S = 30


def config(disk_bytes=None, exact="true", name="tiny", memory_bytes=None):
    limits = {"disk_bytes": disk_bytes, "memory_bytes": memory_bytes}
    limit = "[context_cache]\n" + "".join(f"{key} = {value}\n" for key, value in limits.items() if value is not None)
    return (f'[[model]]\nname = "{name}"\nengine = "llama"\nfile = "{MODEL}"\nparallel = 2\ncontext = 4096\n'
            f"exact = {exact}\n{limit}")


def digits(seed, count=500):
    return "".join(random.Random(seed).choices("0123456789", k=count))


class Kept(unittest.TestCase):
    def start(self, *arguments, **more):
        server = Server(config=config(*arguments, **more), flags=["--log", "warn"])
        self.addCleanup(server.__exit__)
        return server.start()

    def say(self, server, text, model="tiny", path="/v1/chat/completions"):
        """The reply's text, the prompt's tokens, and how many had been computed before."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 20, "temperature": 0}
        reply = server.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        self.assertEqual(reply.status, 200, reply.body)
        usage = reply.json["usage"]
        return (reply.json["choices"][0]["message"]["content"], usage["prompt_tokens"],
                usage["prompt_tokens_details"]["cached_tokens"])

    @staticmethod
    def files(server):
        folder = os.path.join(server.data, "prefixes")
        return [os.path.join(folder, name) for name in os.listdir(folder)] if os.path.isdir(folder) else []

    def bytes_kept(self, server):
        total = 0
        for file in self.files(server):
            try:
                total += os.path.getsize(file)
            except FileNotFoundError:  # moved to its place, or removed, meanwhile
                pass
        return total

    def reconfigure(self, server, *arguments, **more):
        server.stop()
        with open(os.path.join(server.data, "acloud.toml"), "w", encoding="utf-8") as file:
            file.write(config(*arguments, **more))
        server.start()

    def test_a_restart_forgets_no_long_prompt(self):
        server = self.start()
        said, tokens, cached = self.say(server, digits(1))
        self.assertGreater(tokens, 400)
        self.assertLess(cached, 20)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(len(self.files(server)), 1)
        self.assertEqual(stat.S_IMODE(os.stat(self.files(server)[0]).st_mode), 0o600)
        server.start()
        self.assertEqual(self.say(server, digits(1)), (said, tokens, tokens - 1))
        server.restart()
#The Anthropic dialect's figure, of a prompt that goes on otherwise.
        body = {"model": "tiny", "messages": [{"role": "user", "content": digits(1, 450) + " and then?"}], "max_tokens": 5}
        usage = server.request("POST", "/v1/messages", json.dumps(body).encode()).json["usage"]
        self.assertGreater(usage["cache_read_input_tokens"], 350)

    def test_the_answer_is_that_of_a_server_that_keeps_nothing(self):
        server = self.start(0)
        said = self.say(server, digits(2))
        server.restart()
        self.assertEqual(self.say(server, digits(2)), said)
        self.assertEqual(self.files(server), [])
        self.reconfigure(server)
        self.assertEqual(self.say(server, digits(2)), said)
        server.restart()
        self.assertEqual(self.say(server, digits(2))[0], said[0])

    def test_another_model_finds_nothing(self):
        server = self.start()
        self.say(server, digits(3))
        for more, name in (({"exact": "false"}, "tiny"), ({"name": "other"}, "other")):
            self.reconfigure(server, **more)
            self.assertLess(self.say(server, digits(3), name)[2], 20)
            self.assertEqual(self.files(server), [])  # what was of no use any more is gone
        self.reconfigure(server, 0)
        self.assertEqual(self.files(server), [])

    def test_the_folder_keeps_its_limit(self):
        server = self.start()
        self.say(server, digits(0))
        server.stop()
        limit = int(2.5 * os.path.getsize(self.files(server)[0]))
        self.reconfigure(server, limit)
        for seed in range(6):
            self.say(server, digits(seed))
            self.assertLessEqual(self.bytes_kept(server), limit)
        server.restart()
        self.assertLessEqual(self.bytes_kept(server), limit)
        _, tokens, cached = self.say(server, digits(5))
        self.assertEqual(cached, tokens - 1)

    def test_what_is_idle_is_put_aside_for_more_than_there_are_places(self):
        server = self.start(disk_bytes=0)
        first = self.say(server, digits(20))
        for others in range(21, 33):
            self.say(server, digits(others))
        self.assertEqual(self.say(server, digits(20)), (first[0], first[1], first[1] - 1))

    def test_a_killed_server_keeps_what_had_left_its_memory(self):
        server = self.start(memory_bytes=0)
        said = self.say(server, digits(10))
        end = time.monotonic() + DEADLINE_S
        others = 11
        while not [file for file in self.files(server) if file.endswith(".state")]:
            self.assertLess(time.monotonic(), end)
            self.say(server, digits(others))
            others += 1
        left = os.path.join(server.data, "prefixes", "cut-off.part")
        with open(left, "wb") as file:
            file.write(b"what a kill cuts off")
        server.restart(kill=True)
        self.assertFalse(os.path.exists(left))
        self.assertEqual(self.say(server, digits(10)), (said[0], said[1], said[1] - 1))

    def test_changed_files_are_refused_and_harm_nothing(self):
        server = self.start()
        said = self.say(server, digits(4))
        server.stop()
        path, = self.files(server)
        with open(path, "rb") as file:
            good = file.read()
        chance = random.Random(6)
        for i in range(2):
            bad = bytearray(good)
            if i % 2:
                del bad[chance.randrange(len(bad)):]
            else:
                bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
            for file in self.files(server):
                os.remove(file)
            with open(path, "wb") as file:
                file.write(bad)
            server.start()
            self.assertEqual(self.say(server, digits(4)), said)
            self.assertFalse(os.path.exists(path))
            server.stop(kill=True)
        server.start()


if __name__ == "__main__":
    unittest.main()
