"""The real server for soak: started as the peers' tests do, and asked what it holds."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from pathlib import Path
from typing import Final

from tests.peers.server import Server
from tests.peers.waiting import until

TELL_SECONDS: Final = 10.0
#: Peers that were killed are given up after the 30 s of RFC 7675.
GIVE_UP_SECONDS: Final = 60.0


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

        async def told() -> bool:
            return self._objects.exists()

        await until("the server's counts", told, bool, TELL_SECONDS)
        counts: dict[str, int] = json.loads(self._objects.read_text())
        return counts

    async def becomes_empty(self, descriptors: int) -> None:
        """Wait until no plane object lives and no more descriptors are open than there were."""
        await until("no objects", self.live_objects, lambda counts: not any(counts.values()), GIVE_UP_SECONDS)

        async def open_now() -> int:
            return self.descriptors()

        await until("no more descriptors", open_now, lambda count: count <= descriptors, GIVE_UP_SECONDS)

    def descriptors(self) -> int:
        """Return how many file descriptors are open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def stop_source(self, source: str) -> None:
        """Take a source out."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/sources/{source}", method="DELETE", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, context=self._tls, timeout=TELL_SECONDS) as response:
            assert response.status == 204

    def complaints(self) -> list[str]:
        """Return the log's lines that are more than information."""
        return [line for line in self.log().splitlines() if "[warning" in line or "[error" in line] + self.faults()
