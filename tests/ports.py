"""Ports of the loopback that nobody has, for servers that must know theirs before they start."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from pathlib import Path

# Above those that browsers refuse to talk to, the highest of which is 10080 (ERR_UNSAFE_PORT).
_LOWEST = 10_081


def free_ports(count: int = 1) -> int:
    """Return the first of so many ports in a row that are free just now, for TCP and for UDP.

    They are below those that the kernel gives to clients: a browser's sockets would take them before the server
    starts, or between its end and its second start.
    """
    first_of_clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(1000):
        first = random.randrange(_LOWEST, first_of_clients - count)
        with ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        probes.enter_context(socket.socket(type=kind)).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports")
