"""The real server for soak: started as the peers' tests do, and asked what it holds."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from pathlib import Path

from tests.patience import PATIENCE_S, until
from tests.peers.server import Server


class WatchedServer(Server):
    """A server that tells how many plane objects live in it."""

    program = ("-m", "tests.soak.watched_server")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._objects = folder / "objects.json"

    @property
    def environ(self) -> dict[str, str]:
        return {**super().environ, "LIVE_OBJECTS_FILE": str(self._objects)}

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def live_objects(self) -> dict[str, int]:
        """Return how many plane objects of each kind live."""
        self._objects.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        await until("the server's counts", self._objects.exists)
        counts: dict[str, int] = json.loads(self._objects.read_text())
        return counts

    async def becomes_empty(self, descriptors: int) -> None:
        """Wait until no plane object lives and no more descriptors are open than there were.

        Peers that were killed are given up after the 30 s of RFC 7675.
        """
        await until("no objects", self.live_objects, lambda counts: not any(counts.values()))
        await until("no more descriptors", self.descriptors, lambda count: count <= descriptors)

    def descriptors(self) -> int:
        """Return how many file descriptors are open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def stop_source(self, source: str) -> None:
        """Take a source out."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/sources/{source}", method="DELETE", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, context=self._tls, timeout=PATIENCE_S) as response:
            assert response.status == 204

    def complaints(self) -> list[str]:
        """Return the log's lines that are more than information."""
        return [line for line in self.log().splitlines() if "[warning" in line or "[error" in line] + self.faults()
