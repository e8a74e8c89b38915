"""A real node that records demonstration units, whoever orders it, and its recordings as they lie on disk."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from huishang.demo.units import UNITS, Unit
from recorder.book.evidence import is_closed
from recorder.files import Facts, facts_of
from recorder.proof import records
from recorder.proof.records import RecordedLine
from tests.console.node import PASSWORD, LiveUnit, Node, _ask
from tests.patience import until

#: With a picture in H.264 and sound.
UNIT: Unit = UNITS[0]


class Office:
    """The node, signed in to as its administrator."""

    def __init__(self, node: Node, http: aiohttp.ClientSession) -> None:
        self.node = node
        self.http = http
        self.root = node.folder / "recordings"
        self.unit: LiveUnit | None = None

    async def begin_again(self) -> None:
        """Start the node after its end, sign in, and wait for the unit, which need not find out that it is gone."""
        await self.node.start()
        assert self.unit is not None
        await self.unit.stop()
        self.unit.start()
        await sign_in(self)

    async def ask(self, method: str, path: str, **body: Any) -> Any:
        return await _ask(self.http, method, f"/api/v1{path}", body)

    async def record(self, of: str) -> str:
        made = await self.ask("POST", "/recordings", of=of)
        return str(made["object"])

    async def end(self, recording: str) -> None:
        """End a recording and wait for its closure."""
        await self.ask("POST", f"/recordings/{recording}/end")
        await until("the closure", lambda: is_closed(self.root, recording))

    async def told(self, recording: str, count: int, after: str = "") -> list[dict[str, Any]]:
        """Wait until the chain names so many files of each kind, of tracks that begin after this one."""

        def enough() -> list[dict[str, Any]]:
            found = [each for each in self.contents(recording, "segment") if each["track"] > after]
            kinds = [each["about"]["kind"] for each in found]
            return found if min(kinds.count("video"), kinds.count("audio")) >= count else []

        found: list[dict[str, Any]] = await until("files in the chain", enough)
        return found

    async def indexed(self, recording: str) -> list[dict[str, Any]]:
        """Wait until the interface tells all that the chain names; give the segments."""

        def is_all(told: dict[str, Any]) -> bool:
            return len(told["items"]) == len(self.contents(recording, "segment"))

        path = f"/recordings/{recording}/segments"
        told: dict[str, Any] = await until("all in the index", lambda: self.ask("GET", path), is_all)
        items: list[dict[str, Any]] = told["items"]
        return items

    def contents(self, recording: str, kind: str) -> list[dict[str, Any]]:
        """Read what a chain says of a kind."""
        path = self.root / "sessions" / recording / "chain.jsonl"
        if not path.exists():
            return []
        lines = [records.parse(text) for text in path.read_bytes().split(b"\n")[:-1]]
        return [line.content for line in lines if isinstance(line, RecordedLine) and line.record.kind == kind]  # type: ignore[misc]

    def facts(self) -> dict[str, list[Facts]]:
        """Read every file, by track; one that is not whole fails."""
        found: dict[str, list[Facts]] = {}
        for path in sorted(self.root.glob("tracks/*/*")):
            found.setdefault(path.parent.name, []).append(facts_of(path))
        return found

    def is_written(self) -> bool:
        """Tell whether no file is open."""
        return not list(self.root.glob("tracks/*/*.open"))

    def worker(self) -> int:
        """Return the recorder's process."""
        found = [pid for pid in _processes() if self.is_worker(pid)]
        assert len(found) == 1
        return found[0]

    def is_worker(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            return b"recorder.worker" in command and int(parent) in self._family()
        return False

    def _family(self) -> set[int]:
        process = self.node._process
        assert process is not None
        return {process.pid, *(int(pid) for pid in _children(process.pid))}

    def verify(self) -> tuple[int, dict[str, Any]]:
        """Run `huishang verify`; give its exit status and what it tells."""
        command = [sys.executable, "-m", "huishang", "verify", "--json", str(self.root)]
        done = subprocess.run(command, capture_output=True, check=False)
        return done.returncode, json.loads(done.stdout)


@contextlib.asynccontextmanager
async def office(folder: Path, more: str = "", unit: Unit = UNIT, kind: type[Node] = Node) -> AsyncIterator[Office]:
    """Run a node and a unit that publishes to it, live. `more`: further lines of settings."""
    async with empty_office(folder, more, kind) as made, LiveUnit(unit, made.node) as made.unit:
        await sees_unit(made, unit)
        yield made


@contextlib.asynccontextmanager
async def empty_office(folder: Path, more: str = "", kind: type[Node] = Node) -> AsyncIterator[Office]:
    """Run a node to which nobody publishes."""
    node = kind(folder, more=more)
    await node.start()
    try:
        await node.found()
        async with aiohttp.ClientSession(node.url) as http:
            made = Office(node, http)
            await signs_in(made)
            yield made
    finally:
        await node.stop(signal.SIGKILL)


async def sign_in(office: Office, unit: Unit = UNIT) -> None:
    """Sign in, and wait for the unit."""
    await signs_in(office)
    await sees_unit(office, unit)


async def signs_in(office: Office) -> None:
    """Sign in as the administrator."""
    signed = await office.ask("POST", "/session", login="admin", password=PASSWORD)
    office.http.headers["Authorization"] = f"Bearer {signed['token']}"


async def sees_unit(office: Office, unit: Unit = UNIT) -> None:
    """Wait for the unit."""
    await office.node.wait(lambda sources: unit.id in sources and sources[unit.id]["state"] == "live")


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _children(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return []
