"""A real node whose disk is full: what is brief goes, recording goes on, and pictures never stop."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from tests.huishang.recording.office import UNIT, office
from tests.huishang.recording.small_disk import DISK_BYTES, SmallNode
from tests.patience import until

LOW_BYTES = DISK_BYTES // 4


async def test_full_disk_costs_the_brief_recording_and_nothing_else(tmp_path: Path) -> None:
    async with office(tmp_path, f"[recording]\nlow_bytes = {LOW_BYTES}\n", kind=SmallNode) as node:
        assert isinstance(node.node, SmallNode)
        disk = node.node.disk
        node.root = disk / "recordings"
        brief = await node.record(f"source:{UNIT.id}")
        await node.told(brief, 1)
        await node.ask("PUT", f"/recordings/{brief}/retention", retention="brief")
        await node.end(brief)
        first = (await node.indexed(brief))[0]
        ordinary = await node.record(f"source:{UNIT.id}")
        before = (await node.node.sources())[UNIT.id]
        await until("room is kept", lambda: (node.root / "proof" / "deletions.reserve").exists())
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                os.write(file.fileno(), bytes(1 << 14))

        async def listed() -> dict[str, dict[str, Any]]:
            return {each["id"]: each for each in (await node.ask("GET", "/recordings"))["items"]}

        kept = await until("it is cleared", listed, lambda told: bool(told[brief]["cleared_us"]))
        assert kept[brief]["deleted_by"] == "brief: disk-low" and not kept[ordinary]["deleted_us"]
        assert "reserve_given_up" in (tmp_path / "node.log").read_text()
        async with node.http.get(f"/api/v1/recordings/{brief}/segments/{first['segment']}") as answer:
            assert answer.status == 410
        until_now = len(node.contents(ordinary, "segment"))
        await until("recording goes on", lambda: len(node.contents(ordinary, "segment")) > until_now)
        ballast.unlink()

        async def health() -> str:
            async with node.http.get("/healthz") as answer:
                told = await answer.json()
            return str(told["parts"]["recording"].get("code", ""))

        await until("all is well", health, lambda code: code == "")
        assert (await node.node.sources())[UNIT.id]["state"] == before["state"] == "live"
        await node.end(ordinary)
        _, told = node.verify()
        found = {
            (each["code"], each["session"]) for each in told["findings"] if each["state"] in ("missing", "altered")
        }
        assert found == set(), found
