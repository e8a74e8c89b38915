"""`huishang demo` beside `huishang serve`, each by the installed command: live sources, and a clean end of both."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from huishang.demo.units import UNITS
from tests.huishang.test_cli import environment, first_url, huishang, on_loopback
from tests.huishang.test_run_demonstration import group
from tests.patience import PATIENCE_S, wait_until

#: What the project's installation makes, and README and the service file call.
COMMAND = str(Path(sys.executable).with_name("huishang"))


@contextmanager
def job(command: str, folder: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a job of its own, as a shell at a terminal starts it; killed if the test leaves it."""
    argv = [COMMAND, command, "--config", "var/huishang.toml"]
    with subprocess.Popen(argv, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True, process_group=0) as process:
        yield process
        process.kill()


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """Make a node's data; give the settings that keep it on loopback."""
    made = on_loopback()
    huishang("init", folder=tmp_path, **made).check_returncode()
    return made


def sources(base: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Ask the server for its sources, by name."""
    trust = ssl.create_default_context(cafile=folder / "var/tls/ca.pem")
    tokens = tomllib.loads((folder / "var/tokens.toml").read_text())["token"]
    token = next(item["secret"] for item in tokens if item["name"] == "watch")
    asked = urllib.request.Request(f"{base}/api/v1/sources", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, context=trust, timeout=PATIENCE_S) as answer:
        return {source["name"]: source for source in json.load(answer)["sources"]}


def interrupt(process: subprocess.Popen[str], processes: int) -> None:
    """Press Ctrl-C at a job's terminal; it ends in order and leaves none of its processes."""
    running = group(process.pid)
    assert len(running) == processes
    # A terminal tells everybody in the foreground.
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    assert {pid for pid in running if Path(f"/proc/{pid}").exists()} == set()


def test_demonstration_comes_to_a_server_that_runs_and_each_ends_by_ctrl_c(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    environ = environment(**settings)
    with job("serve", tmp_path, environ) as server:
        base = first_url(server).rstrip("/")
        assert sources(base, tmp_path) == {}
        with job("demo", tmp_path, environ) as demonstration:
            names = {unit.name for unit in UNITS}

            def states() -> dict[str, str]:
                return {name: source["state"] for name, source in sources(base, tmp_path).items()}

            wait_until(lambda: states() == dict.fromkeys(names, "live"), "all units are live")
            interrupt(demonstration, 1 + len(UNITS))
        wait_until(lambda: states() == dict.fromkeys(names, "offline"), "the server knows that they have gone")
        interrupt(server, 1)
