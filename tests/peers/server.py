"""The real server as a process of its own, for peers to meet: started, watched, ended, and its end judged."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from tests import logs
from tests.patience import PATIENCE_S, wait_until
from tests.ports import free_ports

ROOT: Final = Path(__file__).parents[2]
#: What the log must never hold, whatever peers do.
FAULTS: Final = (
    "Traceback",
    "sys.excepthook",
    "request_failed",
    "Task exception was never retrieved",
    "Exception in callback",
)


class Server:
    """`huishang serve` on loopback and free ports, with its data in `folder`. `start` once, `stop` once, or `with`.

    `host` is the loopback it has, `settings` are more of the environment's.
    """

    program: ClassVar[tuple[str, ...]] = ("-m", "huishang")

    def __init__(self, folder: Path, host: str = "127.0.0.1", **settings: str) -> None:
        self.folder = folder
        self.log_path = folder / "server.log"
        self.http_port = free_ports()
        self.media_port = free_ports(2)
        self.url = f"https://[{host}]:{self.http_port}" if ":" in host else f"https://{host}:{self.http_port}"
        self._host = host
        self._settings = settings
        self.token = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    @property
    def environ(self) -> dict[str, str]:
        """The settings that differ from those of `init`."""
        return {
            **os.environ,
            "HUISHANG_HTTP__HOST": self._host,
            "HUISHANG_HTTP__PORT": str(self.http_port),
            "HUISHANG_MEDIA__BIND": self._host,
            "HUISHANG_MEDIA__PORT": str(self.media_port),
            **self._settings,
        }

    def start(self) -> None:
        """Make the node's data, start it, and wait until it answers."""
        self._command("init", "--dir", str(self.folder)).check_returncode()
        tokens = tomllib.loads((self.folder / "tokens.toml").read_text())["token"]
        self.token = next(item["secret"] for item in tokens if item["name"] == "all")
        with self.log_path.open("wb") as log:
            self.process = process = subprocess.Popen(
                [sys.executable, *self.program, "serve", "-c", str(self.folder / "huishang.toml")],
                cwd=ROOT,
                env=self.environ,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        logs.watched.add(self.log_path)
        wait_until(lambda: process.poll() is not None or self._answers(), "the server answers")
        assert process.poll() is None, f"the server ended at its start:\n{self.log()}"

    def stop(self) -> None:
        """Ask for the end as systemd does; assert that it is clean and leaves no process."""
        process = self.process
        assert process is not None
        logs.watched.discard(self.log_path)
        children = children_of(process.pid)
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not end within {PATIENCE_S} s:\n{self.log()}") from None
        assert status == 0, f"exit status {status}:\n{self.log()}"
        assert [child for child in children if Path(f"/proc/{child}").exists()] == []
        assert self.faults() == []

    def log(self) -> str:
        """Return what the server has said so far."""
        return logs.read(self.log_path)

    def log_from(self, line: int) -> list[str]:
        """Return the log from this line on, without the ends of earlier tests' sessions: a closed page says nothing."""
        return [told for told in self.log().splitlines()[line:] if "code=consent-lost" not in told]

    def faults(self) -> list[str]:
        """Return the log's lines that tell of a fault of the server's own."""
        return [line for line in self.log().splitlines() if any(fault in line for fault in FAULTS)]

    def get(self, path: str) -> Any:
        """Return the JSON at a path of the interface."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, context=self._tls, timeout=PATIENCE_S) as response:
            return json.load(response)

    def source(self, identifier: str) -> dict[str, Any] | None:
        """Return one entry of the list of sources, None when it is not there."""
        for entry in self.get("/api/v1/sources")["sources"]:
            if entry["id"] == identifier:
                return dict(entry)
        return None

    async def state_of(self, identifier: str) -> str:
        """Return a source's state; "unknown" when it is not there."""
        entry = await asyncio.to_thread(self.source, identifier)
        return str(entry["state"]) if entry else "unknown"

    def _answers(self) -> bool:
        try:
            return bool(self.get("/healthz")["status"] == "ok")
        except OSError:
            return False

    def _command(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "huishang", *arguments],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            timeout=PATIENCE_S,
        )


def children_of(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (thread / "children").read_text().split()]
    return found
