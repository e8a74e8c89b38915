"""`huishang run` as `make run` starts it: server and demonstration, an address to open, and nothing left by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from huishang.demo.units import UNITS
from tests.huishang.test_cli import environment, first_url, on_loopback
from tests.patience import PATIENCE_S, wait_until


def group(leader: int) -> set[int]:
    """Give the living processes of a terminal's job, and of the sessions that its programs made for themselves."""
    found = {leader}
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text().rpartition(") ")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in "ZX":
            parents[int(entry.parent.name)] = int(parent)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found & set(parents)


@contextmanager
def running(argv: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a node in a job of its own, as a shell at a terminal does."""
    environ = environment(**on_loopback())
    with subprocess.Popen(argv, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True, process_group=0) as process:
        yield process
        process.kill()


@dataclass(frozen=True, slots=True)
class Interface:
    """The interface of a node that was started in a folder, once it has printed its link."""

    base: str
    trust: ssl.SSLContext

    @classmethod
    def of(cls, job: subprocess.Popen[str], folder: Path) -> tuple[Interface, str]:
        """Return it and the code of the link."""
        base, _, code = first_url(job).partition("/#welcome=")
        return cls(base, ssl.create_default_context(cafile=folder / "var/tls/ca.pem")), code

    def __call__(self, path: str, body: dict[str, str] | None = None, token: str = "") -> Any:
        """Ask, and return what is answered. Raises HTTPError."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.base}/api/v1{path}", data, headers)
        try:
            with urllib.request.urlopen(request, context=self.trust, timeout=PATIENCE_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            # It is the answer too: whoever holds the error would hold its connection, until some other test.
            refused.close()
            raise


@pytest.fixture
def job(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with running([sys.executable, "-m", "huishang", "run"], tmp_path) as process:
        yield process


def test_link_makes_the_visitor_chair_of_a_running_consultation_and_ctrl_c_leaves_nothing(
    job: subprocess.Popen[str], tmp_path: Path
) -> None:
    ask, code = Interface.of(job, tmp_path)

    signed = ask("/session", {"welcome": code})
    token, consultation = signed["token"], signed["consultation"]

    def sources() -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = ask("/sources", token=token)["sources"]
        return listed

    wait_until(lambda: [source["state"] for source in sources()] == ["live"] * len(UNITS), "all units are live")
    assert {source["name"] for source in sources()} == {unit.name for unit in UNITS}
    running = ask(f"/consultations/{consultation}", token=token)
    assert (running["stage"], running["chair"]) == ("running", signed["person"]["id"])
    shown = ask(f"/consultations/{consultation}/participants", token=token)["items"]
    assert {item["source"] for item in shown} == {source["id"] for source in sources()}
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask("/session", {"welcome": code})
    processes = group(job.pid)
    assert len(processes) == 2 + len(UNITS), "the server, the demonstration, and each unit a process of its own"
    os.killpg(job.pid, signal.SIGINT)
    assert job.wait(PATIENCE_S) == 0
    left = {pid for pid in processes if Path(f"/proc/{pid}").exists()}
    assert left == set()
    assert [path.name for path in tmp_path.iterdir()] == ["var"]
