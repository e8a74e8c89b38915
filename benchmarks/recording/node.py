"""Our own server as one that records: each source by an order of its administrator's, over HTTP."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path as FilePath
from typing import Any, Final

from benchmarks import machine
from benchmarks.consultation import town
from benchmarks.load.path import Path
from benchmarks.peers.model import PeerError, Publication
from benchmarks.shapes import Kind
from huishang.desk import NodeDesk
from recorder.book.evidence import is_closed

DEADLINE_S: Final = 60.0
LOOK_S: Final = 0.1
WORKER: Final = b"recorder.worker"


class RecordingNode:
    """A running node with sources that can be recorded."""

    name = "huishang"

    def __init__(self, sources: int) -> None:
        """Start it. Raises PeerError."""

        async def enter(desk: NodeDesk) -> town.Town:
            return await town.found(desk.coordinator, town.Size(members=0, present=0, watchers=0, cameras=sources))

        with ExitStack() as stack:
            self._server, made = town.opened(stack, enter)
            self._stack = stack.pop_all()
        self.sources = made.cameras
        self.consultation = made.consultation
        """All of them are in it."""
        self._administrator = made.chair
        settings = town.settings_of(self._server.settings_path)
        self._keys = town.Keys(settings)
        self.recordings: FilePath = settings.recordings_path
        self._kinds: dict[str, int] = {}
        self._running: list[str] = []

    @property
    def pid(self) -> int:
        return self._server.pid

    @property
    def worker(self) -> int:
        """The recorder's process; 0 before the first recording."""
        return next((pid for pid in machine.children(self.pid) if WORKER in _command(pid)), 0)

    def publish(self, source: str, kinds: Sequence[Kind]) -> Publication:
        self._kinds[source] = len(kinds)
        return self._server.publish(source, kinds)

    def watch(self, source: str, count: int) -> list[Path]:
        return self._server.watch(source, count)

    def awaits(self, source: str, kinds: Sequence[Kind]) -> None:
        """Somebody else publishes this source."""
        self._kinds[source] = len(kinds)

    def access(self) -> tuple[str, str, FilePath]:
        """Return where to publish: address, token, and the file of the authority to trust."""
        return self._server.url, self._server.token, self._server.data_dir / "tls/ca.pem"

    def kill(self) -> None:
        """Take the server's process away (kill -9)."""
        self._server.kill()

    def begin(self) -> None:
        """Start the server again. Raises PeerError."""
        self._server.begin()

    def end(self) -> None:
        """End the server; what it kept stays until `close`."""
        self._server.end()

    def record(self, on: bool, also: Sequence[str] = ()) -> None:
        """Record all sources from now on, or no longer; return when that has come about. `also`: what else to record.

        Raises:
            PeerError: an order was refused, or nothing came of it.
        """
        if on:
            of = [*(f"source:{source}" for source in self._kinds), *also]
            orders = [("/recordings", {"of": each}) for each in of]
            self._running = [str(made["object"]) for made in self._order(orders)]
            wanted = sum(self._kinds.values())
            _until(lambda: len(list(self.recordings.glob("tracks/*/*.open"))) >= wanted, "a file of each track")
            return
        ended, self._running = self._running, []
        self._order([(f"/recordings/{recording}/end", {}) for recording in ended])
        _until(lambda: all(is_closed(self.recordings, recording) for recording in ended), "the closures")

    def fault(self) -> str:
        """What `/healthz` says is wrong with recording, "" when all is well. Raises PeerError."""
        connection = self._connection()
        try:
            connection.request("GET", "/healthz")
            parts = json.loads(connection.getresponse().read())["parts"]
            if "recording" not in parts:
                raise PeerError("/healthz says nothing of recording")
            return "" if parts["recording"]["ok"] else str(parts["recording"].get("code", "?"))
        finally:
            connection.close()

    def close(self) -> None:
        self._stack.close()

    def _order(self, orders: Sequence[tuple[str, dict[str, str]]]) -> list[dict[str, Any]]:
        connection = self._connection()
        token = self._keys.token(self._administrator)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        answers = []
        try:
            for path, body in orders:
                connection.request("POST", f"/api/v1{path}", json.dumps(body), headers)
                response = connection.getresponse()
                said = response.read()
                if response.status not in (200, 201, 202, 204):
                    raise PeerError(f"{path}: {response.status} {said[:300].decode(errors='replace')}")
                answers.append(json.loads(said) if said else {})
        finally:
            connection.close()
        return answers

    def _connection(self) -> http.client.HTTPSConnection:
        # The authority is the node's own, made a moment ago.
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection("127.0.0.1", self._server.port, timeout=DEADLINE_S, context=context)


def _until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        if time.monotonic() > deadline:
            raise PeerError(f"no {what} in {DEADLINE_S:.0f} s")
        time.sleep(LOOK_S)


def _command(pid: int) -> bytes:
    try:
        return FilePath(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
