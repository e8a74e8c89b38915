"""Our server, composed as its command line composes it, with one socket more that tells how late its loop comes.

Started like `python -m huishang serve --config FILE`; the port of the socket is then in DATA_DIR/probe. A datagram is
answered with itself and the time, in nanoseconds, from the kernel's stamp on it to the callback that reads it: as long
waits any STUN check or HTTP request before our code sees it. The datagram `counters` is answered with JSON: what the
server has dropped so far, by reason. The product knows nothing of it.
"""

import argparse
import asyncio
import gc
import json
import os
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from benchmarks.load.path import CONTROL_BYTES, RECEIVE_BUFFER_BYTES, stamp_arrivals, stamped_ns
from config import Settings, load
from huishang import home, log
from huishang.run import Ready
from huishang.run import run as run_server
from huishang.server import serve
from media.plane.thread import PlaneThread
from signaling.ice.lite import IceLite

T = TypeVar("T")

PORT_FILE = "probe"
COUNTERS = b"counters"
LAG = struct.Struct("!q")
_QUESTION_BYTES = 64


class LoopProbe:
    """The socket, read by the running loop."""

    def __init__(self, made: socket.socket) -> None:
        made.setblocking(False)
        stamp_arrivals(made)
        # None may be lost while the loop stands still: the latest would be missing.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._socket = made
        # Kept, so that no count is lost with a session that ends.
        self._sessions: set[IceLite] = set()
        asyncio.get_running_loop().add_reader(made.fileno(), self._read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _read(self) -> None:
        while True:
            try:
                data, control, _, sender = self._socket.recvmsg(_QUESTION_BYTES, CONTROL_BYTES)
            except BlockingIOError:
                return
            read_ns = time.time_ns()
            if data == COUNTERS:
                answer = json.dumps(self.dropped()).encode()
            else:
                answer = data + LAG.pack(read_ns - stamped_ns(control))
            self._socket.sendto(answer, sender)

    def dropped(self) -> dict[str, int]:
        """Datagrams without effect, by reason: of the plane threads (`plane:`) and of the sessions' ICE (`ice:`)."""
        total: Counter[str] = Counter()
        for thread in _living(PlaneThread):
            total.update({f"plane: {reason}": count for reason, count in thread.counters()["drops"].items()})
        self._sessions.update(_living(IceLite))
        for session in self._sessions:
            counters = session.counters
            total.update({"ice: bad_integrity": counters.bad_integrity, "ice: unknown_user": counters.unknown_user})
        return dict(total)


def _living(kind: type[T]) -> Iterable[T]:
    # `serve` hands out nothing of what it has made, rightly; a look at the heap takes some milliseconds.
    return (one for one in gc.get_objects() if isinstance(one, kind))


async def serve_probed(settings: Settings, ready: Ready, stop: asyncio.Event) -> None:
    """The product's `serve`, beside the probe."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    probe = LoopProbe(made)
    (settings.data_path / PORT_FILE).write_text(str(made.getsockname()[1]))
    try:
        await serve(settings, ready, stop)
    finally:
        probe.close()


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--config", type=Path, required=True)
    settings = load(parser.parse_args().config, os.environ)
    log.configure(settings.log)
    home.prepare(settings, datetime.now(UTC))
    run_server(settings, serve_probed, lambda: [], lambda urls: None)


if __name__ == "__main__":
    main()
