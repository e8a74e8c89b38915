"""Forged connectivity checks: `python -m tests.peers.stun_flood PORT USERNAME A_SECOND COUNT`, no faster than A_SECOND.

The user name is a real one (server's ufrag, colon, peer's ufrag), sender and MESSAGE-INTEGRITY are not.
Prints a line when all are sent.
"""

from __future__ import annotations

import random
import socket
import sys
import time

from signaling.ice.stun import build_request

BATCH_SECONDS = 0.005


def main(port: int, username: str, rate: int, count: int) -> None:
    """Send forged checks from 16 sockets in turn."""
    forged = [
        build_request(
            random.randbytes(12),
            username=username.encode(),
            key=b"not the password of anyone",
            priority=1,
            tie_breaker=random.getrandbits(64),
            use_candidate=True,
        )
        for _ in range(64)
    ]
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
    begun = time.monotonic()
    sent = 0
    while sent < count:
        while sent < min(count, (time.monotonic() - begun) * rate):
            sockets[sent % 16].sendto(forged[sent % 64], ("127.0.0.1", port))
            sent += 1
        time.sleep(BATCH_SECONDS)
    for item in sockets:
        item.close()
    print("sent", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
