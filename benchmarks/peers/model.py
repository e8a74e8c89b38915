"""What a benchmark asks of every media server, ours or another."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from benchmarks import machine
from benchmarks.load.path import Path
from benchmarks.shapes import Kind

T = TypeVar("T")

DIAL_THREADS = 8
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 10.0


class PeerError(Exception):
    """A server did not start, or refused what was asked of it."""


@dataclass(frozen=True, slots=True)
class Track:
    """One stream that a publisher announced."""

    kind: Kind
    ssrc: int
    payload_type: int
    audio_level_id: int = 0


@dataclass(frozen=True, slots=True)
class Publication:
    """A source that is ready to be sent to the server."""

    source: str
    """The server's name for it, which viewers ask for."""
    path: Path
    """Where to send all tracks."""
    tracks: tuple[Track, ...]


class Server(Protocol):
    """A media server in processes of its own, on `machine.SERVER_CORE`."""

    name: str

    @property
    def pid(self) -> int:
        """The process whose time, with its children's, is the server's."""

    def publish(self, source: str, kinds: Sequence[Kind]) -> Publication:
        """Announce a source with tracks of the given kinds."""

    def watch(self, source: str, count: int) -> list[Path]:
        """Connect so many viewers to a source."""

    def close(self) -> None:
        """End the server and whatever it left."""


def at_once(work: Callable[[int], T], count: int) -> list[T]:
    """Do a blocking thing `count` times, several at a time; results in order, the first error raised."""
    with ThreadPoolExecutor(DIAL_THREADS) as pool:
        return list(pool.map(work, range(count)))


def free_port(kind: socket.SocketKind) -> int:
    """A port on loopback that nobody has just now."""
    with socket.socket(socket.AF_INET, kind) as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def free_pair() -> int:
    """A port on loopback that nobody has just now, neither of UDP nor of TCP."""
    while True:
        port = free_port(socket.SOCK_DGRAM)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made, contextlib.suppress(OSError):
            made.bind(("127.0.0.1", port))
            return port


def start(command: Sequence[str], *, core: int = machine.SERVER_CORE, **options: object) -> subprocess.Popen[bytes]:
    """Start a process on a core of its own; it ends with us, however we end."""
    pinned = ["setpriv", "--pdeathsig", "TERM", "taskset", "--cpu-list", str(core), *command]
    return subprocess.Popen(pinned, **options)  # type: ignore[call-overload,no-any-return]


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str) -> None:
    """Wait until a process serves.

    Raises:
        PeerError: it ended, or took too long.
    """
    deadline = time.monotonic() + START_DEADLINE_S
    while not ready():
        if process.poll() is not None:
            raise PeerError(f"{what} ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise PeerError(f"{what} does not serve after {START_DEADLINE_S:.0f} s")
        time.sleep(0.05)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process: politely, then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
