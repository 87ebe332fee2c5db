#!/usr/bin/env python3
"""Models in process beside llama.cpp's own server, which scripts/llama-server builds from the sources of the same
libraries: the same model file, threads, places, context and number format of the state (16 bits). Both are asked
over OpenAI's dialect by the same client, in turns, either first in every other round. acloud's side does more: it
checks the key, routes, meters and records.

Tokens a second are those of whole replies of TOKENS tokens, by the clock of the client, for one stream and for
eight at a time; the first token's time is that of a streamed reply; shared: eight replies at a time to prompts
that have their first 1,900 tokens in common, which nobody has seen before. Memory is the most that was resident.

bench/engine.py [MODEL...] measures these models alone, tiny or 100m. ROUNDS and TOKENS of the environment make it
shorter; with ROUNDS=1 it shows that it runs, and no more. ONLY takes the figures alone whose names have that text."""
import http.client
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = ["tests", "models"]
from support.ports import free_port  # noqa: E402
from support.server import Server  # noqa: E402
from tiny.chat import SPECIAL  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", 5))
TOKENS = {model: int(os.environ.get("TOKENS", tokens)) for model, tokens in (("tiny", 256), ("100m", 48))}
SHARED = 1900
ASKED = 3  # prompts for each first token
ONLY = os.environ.get("ONLY", "")
THREADS = 1
# No reply ends before its time.
ENDS = {256 + 759 + SPECIAL.index(name): -100 for name in ("<|endoftext|>", "<|im_end|>")}


class Peer:
    """llama-server on a free port."""

    def __init__(self, model):
        binary = subprocess.run(["scripts/llama-server"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        self.port = free_port()
        self.key = "none"
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [binary, "-m", model, "--host", "127.0.0.1", "--port", str(self.port), "-t", str(THREADS), "-np", "8", "-c", "16384",
             "-b", "512", "-ub", "512", "--kv-unified", "--jinja", "-lv", "1"], stdout=self.log, stderr=self.log)
        end = time.monotonic() + 120
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                sys.exit(f"llama-server did not start: {self.log.read().decode(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def peak_memory(process):
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", text)[1]) * 1024


def ask(side, content, tokens, stream=False):
    """Seconds to the first token and to the end, and how many tokens came."""
    body = json.dumps({"model": "bench", "messages": [{"role": "user", "content": content}], "max_tokens": tokens,
                       "temperature": 0, "logit_bias": ENDS, "stream": stream})
    connection = http.client.HTTPConnection("127.0.0.1", side.port, timeout=600)
    start = time.monotonic()
    connection.request("POST", "/v1/chat/completions", body,
                       {"Authorization": f"Bearer {side.key}", "Content-Type": "application/json"})
    response = connection.getresponse()
    if not stream:
        reply = json.loads(response.read())
        return None, time.monotonic() - start, reply["usage"]["completion_tokens"]
    first = None
    for line in response:
        if first is None and line.startswith(b"data: {") and json.loads(line[6:])["choices"][0]["delta"].get("content"):
            first = time.monotonic() - start
    return first, time.monotonic() - start, tokens


def together(side, contents, tokens):
    """Tokens a second of all."""
    counts = [0] * len(contents)

    def one(i):
        counts[i] = ask(side, contents[i], tokens)[2]

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(contents))]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [tokens] * len(contents), counts
    return sum(counts) / (time.monotonic() - start)


def digits(count):
    """As many tokens as digits, seen by nobody before."""
    return "".join(random.choices("0123456789", k=count))


def first_token(side, length):
    """In ms, the median of ASKED prompts."""
    return statistics.median(ask(side, digits(length), 8, stream=True)[0] for _ in range(ASKED)) * 1e3


def measure(side, tokens):
    shared = digits(SHARED)
    figures = {
        "1 stream, tokens/s": lambda: together(side, [digits(60)], tokens),
        "8 streams, tokens/s": lambda: together(side, [digits(60) for _ in range(8)], tokens),
        "first token, 60-token prompt, ms": lambda: first_token(side, 60),
        "first token, 1,900-token prompt, ms": lambda: first_token(side, SHARED),
        "8 streams with 1,900 tokens shared, tokens/s": lambda: together(side, [shared + digits(8) for _ in range(8)], min(tokens, 32)),
    }
    return {what: measured() for what, measured in figures.items() if ONLY in what}


def figures(name, model):
    config = (f'[[model]]\nname = "bench"\nengine = "llama"\nfile = "{Path(model).resolve()}"\nparallel = 8\n'
              f"context = 16384\nthreads = {THREADS}\nexact = false\n")
    with Server(config=config, flags=["--log", "warn"]) as ours:
        peer = Peer(model)
        try:
            sides = [ours, peer]
            for side in sides:
                ask(side, digits(60), 8)  # the model is loaded
            rounds = []
            for number in range(ROUNDS):
                print(f"{name}: round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
                measured = {side: measure(side, TOKENS[name]) for side in (sides if number % 2 == 0 else reversed(sides))}
                rounds.append([measured[side] for side in sides])
            for what in rounds[0][0]:
                values = [statistics.median(each[side][what] for each in rounds) for side in (0, 1)]
                show(name, what, *values, "ratio <= 1" if what.endswith("ms") else "ratio >= 1")
            memory = [peak_memory(side.process) / 2**20 for side in sides]
            show(name, "peak memory, MiB", *memory, "ratio <= 1.1")
        finally:
            peer.stop()


def show(name, what, ours, theirs, bound):
    unit = what.rsplit(", ", 1)[1]
    print(json.dumps({"figure": f"{name}: {what.rsplit(', ', 1)[0]}", "unit": unit, "ours": ours, "peer": "llama-server",
                      "theirs": theirs, "bound": bound}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers end with it
    for name in sys.argv[1:] or TOKENS:
        file = f"build/random-{name}.gguf"
        if not Path(file).exists():
            subprocess.run(["models/random", name, file], check=True)
        figures(name, file)
