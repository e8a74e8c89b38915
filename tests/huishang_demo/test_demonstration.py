"""The whole demonstration against a real node: everybody comes, comes back, goes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from huishang.demo.units import UNITS
from tests.console.node import TOKEN, Node

Sources = dict[str, dict[str, Any]]


def all_live(sources: Sources) -> bool:
    return all(sources.get(unit.id, {}).get("state") == "live" for unit in UNITS)


def all_flowing(sources: Sources) -> bool:
    return all_live(sources) and all(
        track["bitrate_bps"] > 0 for source in sources.values() for track in source["tracks"]
    )


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    node = Node(tmp_path)
    await node.start()
    yield node
    await node.stop()


@pytest.fixture
async def demo(node: Node) -> AsyncIterator[asyncio.subprocess.Process]:
    environ = {**os.environ, "HUISHANG_DEMO_TOKEN": TOKEN}
    argv = (sys.executable, "-m", "huishang.demo", "--url", node.url)
    process = await asyncio.create_subprocess_exec(*argv, env=environ)
    yield process
    if process.returncode is None:
        process.terminate()
        await process.wait()


def family(pid: int) -> list[int]:
    """Give the process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


async def test_all_units_come_come_back_and_go(node: Node, demo: asyncio.subprocess.Process) -> None:
    sources = await node.wait(all_flowing)
    for unit in UNITS:
        tracks = {track["kind"]: track["codec"] for track in sources[unit.id]["tracks"]}
        assert sources[unit.id]["name"] == unit.name
        assert tracks.get("video") == (unit.video.codec.value if unit.video else None)
        assert tracks["audio"].lower() == "opus"
    pids = family(demo.pid)
    assert len(pids) == len(UNITS) + 1

    await node.stop(signal.SIGKILL)
    await node.start()
    await node.wait(all_live)
    assert family(demo.pid) == pids, "a restart of the server is no reason for a unit to die"

    demo.send_signal(signal.SIGTERM)
    assert await demo.wait() == 0
    sources = await node.wait(lambda sources: all(one["state"] == "offline" for one in sources.values()))
    assert len(sources) == len(UNITS)
    for pid in pids:
        assert not Path(f"/proc/{pid}").exists()


async def test_bad_way_is_seen_by_the_server_and_only_there(node: Node, demo: asyncio.subprocess.Process) -> None:
    def seen(sources: Sources) -> bool:
        return all_flowing(sources) and sum(track["packets"] for track in sources["township-room"]["tracks"]) > 600

    sources = await node.wait(seen)
    for unit in UNITS:
        tracks = sources[unit.id]["tracks"]
        suffered = sum(track["lost"] + track.get("recovered", 0) for track in tracks)
        sent = sum(track["packets"] for track in tracks)
        if unit.link is None:
            assert suffered <= sent * 0.005
        else:
            assert sent * 0.005 < suffered < sent * 0.10
