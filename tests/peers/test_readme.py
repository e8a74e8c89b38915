"""What README tells senders to do, done word for word."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.patience import until
from tests.peers.aiortc_ends import Viewer
from tests.peers.programs import running
from tests.peers.server import ROOT, Server

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: The frames that README leaves to its reader: green, in real time.
FRAMES = """
import os, subprocess, sys, time
from tests.peers import colour
def in_real_time():
    begun = time.monotonic()
    for number in range(10**6):
        time.sleep(max(0, begun + number / 25 - time.monotonic()))
        yield colour.solid("green", 640, 360)
frames = in_real_time()
sys.path.insert(0, os.getcwd())
"""


def python_of_readme(server: Server) -> tuple[str, str]:
    """Return the command that makes the certificate, and the program, for this server."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    program = next(block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if 'format="whip"' in block)
    commented = [line.removeprefix("#").strip() for line in program.splitlines() if line.startswith("#   ")]
    command = " ".join(commented).replace("\\ ", "")
    address = server.url.removeprefix("https://")
    return command, program.replace("HOST:8443", address).replace('"TOKEN"', f'"{server.token}"')


async def test_pyav_publishes_by_the_program_in_readme(server: Server, tmp_path: Path) -> None:
    command, program = python_of_readme(server)
    assert command.startswith("openssl req ") and "whip.pem" in command
    script = f"{FRAMES}os.chdir({str(tmp_path)!r})\nsubprocess.run({command!r}.split(), check=True)\n{program}"
    async with running([sys.executable, "-c", script]):
        await until("a live source", lambda: server.state_of("pyav"), "live".__eq__)
        async with Viewer(f"{server.url}/whep/pyav", server.token) as viewer:
            await viewer.shows("green")
