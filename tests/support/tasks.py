"""Following tasks from a test."""

import time

ENDED = ("succeeded", "failed", "cancelled")


def end_of(server, task, patience, key=None):
    """The task when it has ended."""
    by = time.monotonic() + patience
    while True:
        seen = server.call("task.get", {"id": task}, key=key).json
        if seen["state"] in ENDED:
            return seen
        if time.monotonic() > by:
            told = server.call("task.events", {"id": task}, key=key).json["items"][-3:]
            raise AssertionError(f"task {task} is still {seen['state']}: {told}")
        time.sleep(0.05)
