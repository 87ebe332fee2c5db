"""Ports of 127.0.0.1 that no other program of this machine is given meanwhile."""

import contextlib
import random
import socket


def free_port():
    """One for a program that can't choose for itself. It is none of those that the kernel hands out, so that whoever asks the
    kernel for any port, as the tests beside this one do, is not given it before the program has it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        lowest = int(file.read().split()[0])
    below = range(min(10_000, lowest // 2), lowest)
    for port in random.sample(below, k=min(100, len(below))):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError(f"no port below {lowest} is free")


@contextlib.contextmanager
def refusing_port():
    """One that is taken, and listened on by nobody."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
