"""kill -9 while a thousand clients put objects: what was acknowledged is there and whole, and nothing is half there.

    crash_test.py [--rounds 5] [--writers 1000] [--seed N]

As a test it makes five rounds, or twenty where ACLOUD_SOAK is set.

Each round starts the server, lets every writer put one object after the other over a connection of its own (new
keys, keys that are there already, small values that live in a row, larger ones that are blobs), kills the server
somewhere in the middle, starts it again on the same folder, and reads back every key of the round. A key must
hold the last value that was acknowledged, or the one that was on its way. At the end all keys of all rounds are
read once more, and a value changed behind the test's back must be noticed.
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import resource
import sys
import time
import unittest
import urllib.parse

from support.server import Server

BUCKET = "crash"
READERS = 64
PATIENCE = 120  # seconds for any one step, on a machine that does much else


def content(value):
    """The bytes of a value, which is named by (round, writer, number)."""
    choice = random.Random(repr(value))
    size = choice.choice((0, 1, 100, 1024, 1024, 1024, 4096, 60_000, 70_000, 300_000))
    return choice.randbytes(size)


async def exchange(reader, writer, target, headers, body):
    """One request and its response, read whole; (status, headers, body)."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST {target} HTTP/1.1\r\nHost: acloud\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return int(head[0].split()[1]), fields, await reader.readexactly(int(fields["content-length"]))


class Ledger:
    """What each key may hold: the value acknowledged last, and those whose fate is unknown since."""

    def __init__(self):
        self.acknowledged = {}
        self.on_the_way = {}
        self.acknowledgements = 0

    def send(self, key, value):
        self.on_the_way.setdefault(key, []).append(value)

    def acknowledge(self, key, value):
        self.acknowledged[key] = value
        self.on_the_way[key] = []
        self.acknowledgements += 1

    def keys(self):
        return sorted(self.acknowledged.keys() | self.on_the_way.keys())

    def complaint(self, key, body, etag):
        """What is wrong with `key` holding `body` (None: it is not there), or None."""
        promised = self.acknowledged.get(key)
        if body is None:
            return f"{key} is lost" if promised else None
        digest = hashlib.sha256(body).hexdigest()
        if etag != f'"{digest}"':
            return f"{key} has {len(body)} bytes of {digest} under the ETag {etag}"
        possible = [promised] if promised else []
        if any(content(value) == body for value in possible + self.on_the_way.get(key, [])):
            return None
        return f"{key} holds {len(body)} bytes that were neither acknowledged nor on their way"


class Round:
    """One start of the server with everyone writing, up to the kill."""

    def __init__(self, server, number, writers, ledger, kill_after):
        self.server, self.number, self.ledger = server, number, ledger
        self.left = kill_after  # acknowledgements until the kill
        self.killed = asyncio.Event()
        self.refused = 0
        self.writers = writers

    async def run(self):
        tasks = [asyncio.create_task(self.write(i)) for i in range(self.writers)]
        await asyncio.wait_for(self.killed.wait(), PATIENCE)
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)

    def kill(self):
        if not self.killed.is_set():
            self.killed.set()
            self.server.stop(kill=True)

    async def write(self, i):
        headers = {"Authorization": f"Bearer {self.server.key}", "Content-Type": "application/octet-stream"}
        writer = None
        try:
            reader, writer = await asyncio.open_connection(self.server.host, self.server.port)
            n = 0
            while not self.killed.is_set():
                # Every other put replaces what the one before has made.
                key, value = f"{self.number}/{i}/{n // 2}", (self.number, i, n)
                target = "/api/object/put?" + urllib.parse.urlencode({"bucket": BUCKET, "key": key})
                self.ledger.send(key, value)
                body = content(value)
                status, _, reply = await exchange(reader, writer, target, headers, body)
                if status == 200 and json.loads(reply)["etag"] == hashlib.sha256(body).hexdigest():
                    self.ledger.acknowledge(key, value)
                    self.left -= 1
                    if self.left == 0:
                        self.kill()
                else:
                    self.refused += 1
                n += 1
        except (OSError, asyncio.IncompleteReadError):
            pass  # the kill
        finally:
            if writer:
                writer.close()


async def read_keys(server, ledger, keys):
    """Reads `keys` over a few connections; (complaints, how many values that were on their way are there)."""
    waiting, complaints, arrived = list(keys), [], 0
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json",
               "Accept": "application/octet-stream"}

    async def read():
        nonlocal arrived
        reader, writer = await asyncio.open_connection(server.host, server.port)
        while waiting:
            key = waiting.pop()
            request = json.dumps({"bucket": BUCKET, "key": key}).encode()
            status, fields, body = await exchange(reader, writer, "/api/object/get", headers, request)
            if status not in (200, 404):
                complaints.append(f"{key}: {status} {body[:200]}")
                continue
            found = body if status == 200 else None
            complaint = ledger.complaint(key, found, fields.get("etag"))
            if complaint:
                complaints.append(complaint)
            arrived += found is not None and any(content(value) == found for value in ledger.on_the_way.get(key, []))
        writer.close()

    await asyncio.wait_for(asyncio.gather(*(read() for _ in range(READERS))), PATIENCE + len(keys) / 100)
    return complaints, arrived


def staging_files(server):
    return os.listdir(os.path.join(server.data, "blobs", "staging"))


def check_that_it_notices(server, ledger):
    """A value that changes behind the ledger's back, and one that goes, are complained of."""
    changed, gone = sorted(ledger.acknowledged)[:2]
    server.call("object.put", {"bucket": BUCKET, "key": changed, "content": "something else"})
    server.call("object.delete", {"bucket": BUCKET, "key": gone})
    complaints, _ = asyncio.run(read_keys(server, ledger, [changed, gone]))
    if len(complaints) != 2:
        raise AssertionError(f"of two wrong keys, {len(complaints)} were noticed")


def crash_once(server, number, writers, ledger, chance):
    before = ledger.acknowledgements
    this = Round(server, number, writers, ledger, kill_after=chance.randint(1, 2 * writers))
    asyncio.run(this.run())
    began = time.monotonic()
    server.start()
    restart = time.monotonic() - began
    garbage = staging_files(server)
    keys = [key for key in ledger.keys() if key.startswith(f"{number}/")]
    unknown = sum(bool(ledger.on_the_way.get(key)) for key in keys)
    complaints, arrived = asyncio.run(read_keys(server, ledger, keys))
    print(f"round {number}: {ledger.acknowledgements - before} puts acknowledged before the kill, {unknown} on their way "
          f"({arrived} arrived), {this.refused} refused; listening again after {restart * 1000:.0f} ms; "
          f"{len(complaints)} of {len(keys)} keys wrong, {len(garbage)} staging files left", flush=True)
    return complaints + [f"staging: {name}" for name in garbage]


def crash(rounds, writers, seed):
    """Runs all rounds; what was found wrong."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the server inherits it
    chance = random.Random(seed)
    print(f"seed {seed}, {writers} writers", flush=True)

    ledger, complaints = Ledger(), []
    with Server(flags=["--log", "warn"]) as server:
        server.call("object.create_bucket", {"bucket": BUCKET})
        for number in range(rounds):
            complaints += crash_once(server, number, writers, ledger, chance)
        again, _ = asyncio.run(read_keys(server, ledger, ledger.keys()))
        complaints += again
        check_that_it_notices(server, ledger)

    print(f"figure: crash: {rounds} kills, {writers} writers, {ledger.acknowledgements} acknowledged puts: "
          f"{len(complaints)} lost, changed or half there")
    return complaints


class Crash(unittest.TestCase):
    def test_nothing_acknowledged_is_lost_and_nothing_is_half_there(self):
        rounds = 20 if os.environ.get("ACLOUD_SOAK") else 5
        self.assertEqual(crash(rounds, 1000, random.SystemRandom().randrange(1 << 32)), [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--writers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    complaints = crash(options.rounds, options.writers, options.seed)
    for complaint in complaints[:20]:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
