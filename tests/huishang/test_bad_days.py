"""A real node on a machine that fails it: full disk, no database, a clock set back, no warning of the end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest

from tests.console.county import County
from tests.dispatch.store.postgres import PostgresServer
from tests.huishang.troubled import DISK_BYTES, TroubledCounty
from tests.media.preloaded import ROOT
from tests.patience import PATIENCE_S, until
from tests.peers.caller import Caller, ask, calling, flows

#: Nearly all of the test's time are so many starts of a whole node.
KILLS = 10
AT_ONCE = 8


class Asks(Protocol):
    """Somebody who can ask the interface."""

    async def api(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]: ...


@asynccontextmanager
async def running(county: County) -> AsyncIterator[County]:
    await county.start()
    try:
        yield county
    finally:
        await county.stop()


async def hold(caller: Caller) -> str:
    """Hold a consultation as this caller, who is in it; return its address."""
    made = {"title": "防汛会商", "unit": caller.county.known.units["C"], "invite": []}
    address = f"/consultations/{await caller.do('POST', '/consultations', made)}"
    await caller.do("POST", f"{address}/join")
    return address


async def health(county: County) -> dict[str, Any]:
    """Return what /healthz says."""

    def get() -> dict[str, Any]:
        tls = ssl._create_unverified_context()
        with urllib.request.urlopen(f"{county.url}/healthz", context=tls, timeout=PATIENCE_S) as answer:
            return dict(json.load(answer))

    return await asyncio.to_thread(get)


async def test_full_disk_refuses_acts_and_pictures_flow_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TROUBLE_DISK", "1")
    county = TroubledCounty(tmp_path)
    async with running(county), calling(county, county.known.codes["officer"]) as officer:
        address = await hold(officer)
        officer.publish("red", 500.0)
        line = officer.take(officer.source, "video")
        await officer.offer()
        await flows(line)
        ballast = county.disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            fill_up(file.fileno())
        kept = await until_refused(officer, address)
        await flows(line)
        state = await health(county)
        assert (state["status"], state["parts"]["journal"]["code"]) == ("degraded", "journal-full")
        status, problem = await officer.api("POST", f"{address}/messages", {"text": "也写不下"})
        assert (status, problem["code"]) == (503, "journal-full")
        listed = await officer.do("GET", f"{address}/messages")
        assert listed["items"] and kept > 0  # what has been is still told
        ballast.unlink()
        await officer.do("POST", f"{address}/messages", {"text": "又有地方了"})
        await flows(line)
        assert (await health(county))["parts"]["journal"]["ok"]


def fill_up(fd: int) -> None:
    """Write until there is no room."""
    for piece in (1 << 16, 1 << 12):
        try:
            for _ in range(2 * DISK_BYTES // piece):
                os.write(fd, b"x" * piece)
        except OSError:
            continue


async def until_refused(caller: Asks, address: str) -> int:
    """Say things, in the end short ones, until the disk is full; return how many were kept."""
    kept = 0
    for characters in (1_900, 200, 1):
        while True:
            status, problem = await caller.api("POST", f"{address}/messages", {"text": "汛" * characters})
            if status >= 300:
                assert (status, problem["code"]) == (503, "journal-full"), problem
                break
            kept += 1
            assert kept < DISK_BYTES // 1_000, "the disk does not become full"
    return kept


async def test_database_that_is_gone_stops_no_act_and_catches_up(tmp_path: Path) -> None:
    postgres = PostgresServer()
    try:
        county = County(tmp_path, more=f"[database]\nurl = '{postgres.new_database()}'\n")
        async with running(county), calling(county, county.known.codes["chief"]) as chief:
            address = await hold(chief)

            async def listed() -> tuple[int, Any]:
                return await chief.api("GET", "/timeline")

            def texts(answer: Any) -> list[str]:
                return [item["params"]["text"] for item in answer["items"] if item["verb"] == "message.say"]

            await chief.do("POST", f"{address}/messages", {"text": "之前"})
            await until("it is in the database", listed, lambda got: got[0] == 200 and "之前" in texts(got[1]))
            await asyncio.to_thread(postgres.stop)
            await chief.do("POST", f"{address}/messages", {"text": "之中"})
            state = await until(
                "it is noticed", lambda: health(county), lambda state: not state["parts"]["database"]["ok"]
            )
            assert (state["status"], state["parts"]["database"]["code"]) == ("degraded", "database-gone")
            status, problem = await listed()
            assert (status, problem["code"]) == (503, "database-gone")
            await chief.do("POST", f"{address}/messages", {"text": "之后"})
            await asyncio.to_thread(postgres.start)
            answer = await until("it has caught up", listed, lambda got: got[0] == 200 and "之后" in texts(got[1]))
            assert sorted(texts(answer[1])) == sorted(["之前", "之中", "之后"])
            await until("all is well", lambda: health(county), lambda state: state["status"] == "ok")
    finally:
        await asyncio.to_thread(postgres.remove)


async def test_clock_set_back_turns_no_stamp_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "clock_step.so"
    source = str(ROOT / "tests/media/plane/clock_step.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), source, "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", f"{os.environ.get('LD_PRELOAD', '')} {library}".strip())
    monkeypatch.setenv("TROUBLE_CLOCK", str(library))
    county = TroubledCounty(tmp_path)
    async with running(county), calling(county, county.known.codes["officer"]) as officer:
        address = await hold(officer)
        await officer.do("POST", f"{address}/messages", {"text": "之前"})
        before_us = await now_us(officer, "before")
        os.kill(county.pid, signal.SIGUSR1)

        async def told_us() -> int:
            return await now_us(officer, "after")

        await until("the clock goes back", told_us, lambda now: now < before_us)
        # By its WebSocket: access tokens of before are of the future now, a page gets others.
        consultation = address.rpartition("/")[2]
        for number in range(3):
            said = await officer.tab.do(f"say{number}", "message.say", consultation=consultation, text=f"之后{number}")
            assert said["t"] == "done"
    entries = county.entries()
    stamps = [entry.hlc for entry in entries]
    assert stamps == sorted(set(stamps))
    texts = [entry.params["text"] for entry in entries if entry.verb == "message.say"]
    assert texts == ["之前", "之后0", "之后1", "之后2"]


async def now_us(caller: Caller, word: str) -> int:
    """Ask what time it is at the node."""
    caller.tab.answers[:] = [item for item in caller.tab.answers if item["t"] != "pong"]
    await caller.tab.send(t="ping", at=word)
    return int((await caller.tab.answer("pong", at=word))["now_us"])


async def test_what_was_answered_survives_any_kill(tmp_path: Path) -> None:
    county = County(tmp_path)
    chance = random.Random(5)
    said: list[str] = []
    await county.start()
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http:
            _, signed = await ask(http, county, "POST", "/session", body={"welcome": county.known.codes["officer"]})
            token = signed["token"]
            made = {"title": "防汛会商", "unit": county.known.units["C"], "invite": []}
            _, answer = await ask(http, county, "POST", "/consultations", token, made)
            consultation = answer["object"]
            address = f"/consultations/{consultation}"
            _, answer = await ask(http, county, "POST", f"{address}/sources", token, {"source": county.known.camera})
            camera = f"{address}/participants/{answer['object']}/mute"
            for _ in range(KILLS):
                muted = await load_until_killed(county, http, token, address, camera, said, chance)
                await county.start()
                status, listed = await ask(http, county, "GET", f"{address}/messages?limit=200", token)
                assert status == 200
                kept = Counter(item["text"] for item in listed["items"])
                assert all(kept[text] == 1 for text in said[-100:])
                status, listed = await ask(http, county, "GET", f"{address}/participants", token)
                (place,) = listed["items"]
                assert place["sound_off"] in muted and place["attendance"] == "present"
    finally:
        await county.stop()
    told = Counter(entry.params["text"] for entry in county.entries() if entry.verb == "message.say")
    assert all(told[text] == 1 for text in said) and set(told.values()) == {1}


async def load_until_killed(
    county: County,
    http: aiohttp.ClientSession,
    token: str,
    address: str,
    camera: str,
    said: list[str],
    chance: random.Random,
) -> set[bool]:
    """Say things and mute the camera on and off until the node is killed at some moment.

    Adds what was answered to `said`; returns what the camera's sound may be then: as answered, or as asked last.
    """
    dead = asyncio.Event()
    enough = len(said) + chance.randrange(5, 40)
    off = {False}

    async def say(lane: int) -> None:
        number = 0
        while not dead.is_set():
            text = f"{enough}-{lane}-{number}"
            number += 1
            status, answer = await ask(http, county, "POST", f"{address}/messages", token, {"text": text})
            assert status < 300, answer
            said.append(text)

    async def mute() -> None:
        wanted = True
        while not dead.is_set():
            off.add(wanted)
            status, answer = await ask(http, county, "POST", camera, token, {"sound": wanted})
            assert status < 300, answer
            off.clear()
            off.add(wanted)
            wanted = not wanted

    async def kill() -> None:
        await until("some acts are answered", lambda: len(said), lambda count: count >= enough)
        await county.stop(signal.SIGKILL)
        dead.set()

    results = await asyncio.gather(kill(), mute(), *(say(lane) for lane in range(AT_ONCE)), return_exceptions=True)
    for result in results:
        assert result is None or isinstance(result, aiohttp.ClientError | urllib.error.URLError), result
    return off
