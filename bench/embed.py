#!/usr/bin/env python3
"""Sentences a second that acloud-embed takes in over HTTP, by one and by two callers at once, beside the JavaScript that
the same model is published with (TensorFlow.js on WebAssembly, 25 sentences a call, in its own process). Median of five
rounds of 1,000 sentences from the documentation; the reference takes one round."""
import concurrent.futures
import json
import statistics
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "engine")]
from embed_test import compare, sentences  # noqa: E402: lies beside the tests
from support.server import Server  # noqa: E402

ROUNDS = 5
AT_ONCE = 100  # sentences of one call


def embed(server, texts):
    reply = server.request("POST", "/v1/embeddings", json.dumps({"model": "acloud-embed", "input": texts}).encode())
    if reply.status != 200:
        raise SystemExit(f"embeddings: {reply.status} {reply.body[:200]}")
    return [each["embedding"] for each in reply.json["data"]]


def rate(server, texts, callers):
    """Sentences a second, and the embeddings."""
    parts = [texts[at:at + AT_ONCE] for at in range(0, len(texts), AT_ONCE)]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(callers) as pool:
        made = [vector for part in pool.map(lambda part: embed(server, part), parts) for vector in part]
    return len(texts) / (time.monotonic() - start), made


def figure(name, ours, theirs):
    print(json.dumps({"figure": name, "unit": "/s", "ours": round(ours), "peer": "JavaScript", "theirs": round(theirs, 1)}), flush=True)


def main():
    texts = sentences()
    with Server(flags=["--log", "error"]) as server:
        embed(server, texts[:1])
        _, made = rate(server, texts, 1)
        rates = {callers: statistics.median(rate(server, texts, callers)[0] for _ in range(ROUNDS)) for callers in (1, 2)}
    theirs = len(texts) / compare(texts, made)["seconds"]
    for callers, ours in rates.items():
        figure(f"sentences embedded, {callers} caller{'s' * (callers > 1)}", ours, theirs)


if __name__ == "__main__":
    main()
