"""A node whose recordings are exported over HTTP: all kinds, for whom, and that nothing of them outlives its time."""

from __future__ import annotations

import os
import signal
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.console.node import PASSWORD
from tests.huishang.recording.exports import ended, left, made, order, probe, process, status, take, verified
from tests.huishang.recording.office import UNIT, Office, office, sign_in
from tests.patience import until

SECOND_US = 1_000_000


async def recorded(node: Office) -> tuple[str, int, int]:
    """Record some seconds; give the recording, and a time of it that has picture and sound."""
    recording = await node.record(f"source:{UNIT.id}")
    await node.told(recording, 2)
    await node.end(recording)
    await node.indexed(recording)
    tracks = (await node.ask("GET", f"/recordings/{recording}/tracks"))["tracks"]
    begin = max(track["t0_us"] for track in tracks) + SECOND_US // 2
    return recording, begin, begin + 5 * SECOND_US


async def verbs(node: Office, recording: str) -> list[str]:
    told = await node.ask("GET", "/timeline?limit=200")
    mine = [entry for entry in told["items"] if entry["object"] == f"disclosure:{recording}"]
    return [f"{entry['verb']} {entry['params']['form']}" for entry in mine]


async def test_what_was_recorded_is_exported_in_all_ways_by_who_may_and_nothing_of_it_stays(tmp_path: Path) -> None:
    async with office(tmp_path) as node:
        recording, begin, end = await recorded(node)
        base = f"/recordings/{recording}/exports"
        await all_ways(node, recording, begin, end)
        await refused(node, base)
        await for_whom(node, recording, base)
        await cancelled(node, recording, begin, end)
        await outlived_by_nothing(node, recording, begin, end)


async def all_ways(node: Office, recording: str, begin: int, end: int) -> None:
    clip = await order(node, recording, "clip", source=UNIT.id, from_us=begin, to_us=end, title="大坝 / 渡口")
    composed = await order(node, recording, "composed", from_us=begin, to_us=begin + 2 * SECOND_US)
    bundle = await order(node, recording, "bundle")
    folder = node.node.folder
    for export, name in ((clip, "clip.mp4"), (composed, "composed.mp4"), (bundle, "bundle.zip")):
        told = await made(node, recording, export)
        headers = await take(node, recording, export, folder / name)
        assert told["bytes"] == (folder / name).stat().st_size and told["done"] == told["total"] > 0
        assert headers["Content-Disposition"].startswith("attachment; ")
    told = await node.ask("GET", f"/recordings/{recording}/exports/{clip}")
    assert told["name"].startswith("大坝_渡口_") and told["name"].endswith("_片段.mp4") and told["begin_us"] == begin
    found = probe(folder / "clip.mp4")
    assert (found["video"]["codec_name"], found["audio"]["codec_name"]) == ("h264", "opus")
    assert found["length"] == pytest.approx(5, abs=0.3)
    found = probe(folder / "composed.mp4")
    assert (found["video"]["width"], found["audio"]["codec_name"]) == (1280, "aac")
    assert found["length"] == pytest.approx(2, abs=0.3)
    with zipfile.ZipFile(folder / "bundle.zip") as archive:
        archive.extractall(folder / "bundle")
    found = verified(folder / "bundle" / recording)["findings"]
    assert {each["session"] for each in found if "session" in each} == {recording}
    assert {"chain-intact", "files-intact"} <= {each["code"] for each in found}
    path = f"{node.node.url}/api/v1/recordings/{recording}/exports/{clip}/file"
    async with node.http.get(path, headers={"Range": "bytes=4-7"}) as answer:
        assert (answer.status, await answer.read()) == (206, b"ftyp")
    noted = await until("the timeline", lambda: verbs(node, recording), lambda told: len(told) == 6)
    kinds = ("clip", "composed", "bundle")
    assert sorted(noted) == sorted(f"recording.{verb} {kind}" for verb in ("export", "exported") for kind in kinds)
    await node.ask("DELETE", f"/recordings/{recording}/exports/{composed}")
    assert (await status(node, "GET", f"/recordings/{recording}/exports/{composed}"))[1] == "export-unknown"


async def refused(node: Office, base: str) -> None:
    now = time.time_ns() // 1000
    wishes: tuple[tuple[Any, tuple[int, str]], ...] = (
        ({"kind": "clip", "from_us": now, "to_us": now + 1}, (404, "range-empty")),
        ({"kind": "clip", "from_us": now, "to_us": now}, (422, "out-of-range")),
        ({"kind": "composed", "from_us": 1, "to_us": now}, (422, "export-too-long")),
        ({"kind": "composed", "tracks": ["none"]}, (404, "track-unknown")),
        ({"kind": "bundle", "source": UNIT.id}, (422, "export-tracks")),
        ({"kind": "bundle", "withhold": ["segment"]}, (422, "body-invalid")),
    )
    for wish, told in wishes:
        assert await status(node, "POST", base, **wish) == told, wish


async def for_whom(node: Office, recording: str, base: str) -> None:
    signed = await node.ask("POST", "/session", login="chair", password=PASSWORD)
    token, person = signed["token"], signed["person"]["id"]
    assert await status(node, "POST", base, token, kind="bundle") == (403, "forbidden")
    assert await status(node, "GET", base, token) == (403, "forbidden")
    until_us = time.time_ns() // 1000 + 3_600 * SECOND_US
    lent: Any = {"object": f"recording:{recording}", "to": f"person:{person}", "until_us": until_us}
    assert await status(node, "POST", "/grants", verb="see", **lent) == (422, "not-of-recordings")
    given = (await node.ask("POST", "/grants", verb="export", **lent))["object"]

    async def ask(method: str, path: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        async with node.http.request(method, f"/api/v1{path}", json=body, headers=headers) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()

    assert (await ask("GET", base))["items"] == [], "others' are nobody's business but an administrator's"
    mine = (await ask("POST", base, kind="bundle"))["id"]
    await made(node, recording, mine)
    ticket = (await ask("POST", f"{base}/{mine}/ticket"))["href"]
    async with node.http.get(ticket, headers={"Authorization": ""}) as answer:
        assert answer.status == 200 and await answer.content.readexactly(2) == b"PK"
    assert (await status(node, "GET", f"{base}/{mine}/file?ticket=x"))[1] == "unauthorized"
    await node.ask("DELETE", f"/grants/{given}")
    async with node.http.get(ticket, headers={"Authorization": ""}) as answer:
        assert answer.status == 403
    assert await status(node, "GET", f"{base}/{mine}", token) == (403, "forbidden")


async def running(node: Office, recording: str, begin: int, end: int) -> tuple[str, int]:
    """Order a composition, and hold its process while it is at it."""
    export = await order(node, recording, "composed", from_us=begin, to_us=end)
    pid = await until("its process", process)
    os.kill(pid, signal.SIGSTOP)
    return export, pid


async def cancelled(node: Office, recording: str, begin: int, end: int) -> None:
    before = len(left(node))
    export, _ = await running(node, recording, begin, end)
    waits = [await order(node, recording, "clip", source=UNIT.id, from_us=begin, to_us=end) for _ in range(2)]
    base = f"/recordings/{recording}/exports"
    assert await status(node, "POST", base, kind="bundle") == (429, "export-limit")
    states = {each["id"]: each["state"] for each in (await node.ask("GET", base))["items"]}
    assert [states[each] for each in (export, *waits)] == ["running", "waiting", "waiting"]
    assert (await status(node, "GET", f"{base}/{waits[0]}/file"))[1] == "export-unmade"
    for each in (waits[0], export):
        await node.ask("DELETE", f"{base}/{each}")
    assert process() is None and (await ended(node, recording, waits[1]))["state"] == "made"
    assert len(left(node)) == before + 1


async def outlived_by_nothing(node: Office, recording: str, begin: int, end: int) -> None:
    _, pid = await running(node, recording, begin, end)
    await node.node.stop(signal.SIGKILL)
    os.kill(pid, signal.SIGCONT)
    await until("its process has ended", lambda: process() is None)
    assert left(node)
    await node.node.start()
    await sign_in(node)
    assert not left(node) and (await node.ask("GET", f"/recordings/{recording}/exports"))["items"] == []
    await running(node, recording, begin, end)
    await node.node.stop()
    assert process() is None
