"""STUN requests that nobody has a right to send, at a steady rate, from a process of its own.

`python -m benchmarks.load.stun_flood KIND PORT A_SECOND COUNT USERNAME...`; prints `begun`, then, when all are sent,
the seconds it took. Kinds:
stranger: well-formed, for a ufrag that the server never gave out;
forged: for the real user names, with a MESSAGE-INTEGRITY made with another password, which only its check can tell;
truncated: the same, cut somewhere.
"""

import random
import secrets
import socket
import sys
import time
from collections.abc import Callable, Sequence

from benchmarks.load.dial import check
from signaling.ice.types import Credentials, generate_credentials

PACE_S = 0.001
SOCKETS = 16
# Different datagrams of one kind; each is sent again and again, from all sockets.
DIFFERENT = 256
SHORTEST_BYTES = 8


def stranger(usernames: Sequence[str]) -> bytes:
    return check(generate_credentials(), generate_credentials(), secrets.randbits(64), nominate=True)


def forged(usernames: Sequence[str]) -> bytes:
    ours, theirs = random.choice(usernames).split(":")
    other = generate_credentials().password
    return check(Credentials(ours, other), Credentials(theirs, other), secrets.randbits(64), nominate=True)


def truncated(usernames: Sequence[str]) -> bytes:
    whole = forged(usernames)
    return whole[: random.randrange(SHORTEST_BYTES, len(whole))]


KINDS: dict[str, Callable[[Sequence[str]], bytes]] = {"stranger": stranger, "forged": forged, "truncated": truncated}


def flood(datagrams: Sequence[bytes], port: int, a_second: int, count: int) -> float:
    """Send `count` of them, no faster than `a_second`; returns the seconds it took."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(SOCKETS)]
    began = time.monotonic()
    sent = 0
    while sent < count:
        due = min(count, int((time.monotonic() - began) * a_second))
        while sent < due:
            sockets[sent % SOCKETS].sendto(datagrams[sent % len(datagrams)], ("127.0.0.1", port))
            sent += 1
        time.sleep(PACE_S)
    took = time.monotonic() - began
    for made in sockets:
        made.close()
    return took


def main(kind: str, port: str, a_second: str, count: str, *usernames: str) -> None:
    datagrams = [KINDS[kind](usernames) for _ in range(DIFFERENT)]
    print("begun", flush=True)
    print(flood(datagrams, int(port), int(a_second), int(count)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
