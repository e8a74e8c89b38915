"""A large directory: the start of the node on it, search in it, and the tree opened level by level."""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
import ssl
import tempfile
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import uvloop

from benchmarks import machine
from benchmarks.consultation import town
from benchmarks.journal import FOLDER
from benchmarks.load.page import open_page
from benchmarks.peers.huishang import Huishang
from benchmarks.report import Figure, Report, middle
from dispatch.acts import endpoints
from dispatch.acts.directory import MAX_STEPS, Import, Step
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.ids import RANDOM_BYTES, ulid
from dispatch.permissions import SYSTEM
from dispatch.records import EndpointKind, Level, Role
from huishang.desk import NodeDesk

UNITS = 50_000
ENDPOINTS_OF_UNIT = 2
STARTS = 3
START_LIMIT_S = 5.0
SEARCHES = 300
SEARCH_LIMIT_MS = 50.0
LEVELS = 200
# A page may say fifty things a second, and opening a level here is two.
LEVEL_PAUSE_S = 0.05

_LEVELS = (Level.PROVINCE, Level.CITY, Level.COUNTY, Level.TOWNSHIP, Level.VILLAGE)
# Below each unit of a level, until there are enough: 1, 20, 200, 4,000, and villages.
_BELOW = (20, 10, 20, 12)
_FIRST = "青竹沙清白龙石马金水红东西南北新大小上中下高平安长永太和兴丰双三五七八古木柏松杨柳梅桂桃李花草云雨"
_SECOND = "川园州溪河江湖泉山岭坪坝湾塘桥关口店场铺镇城门寨营屯沟谷岩崖林田坡台"
_ENDS = {
    Level.PROVINCE: "省应急管理厅",
    Level.CITY: "市应急管理局",
    Level.COUNTY: "县应急管理局",
    Level.TOWNSHIP: "镇人民政府",
    Level.VILLAGE: "村村民委员会",
}
_CAMERAS = ("河堤摄像机", "会议室终端")
# What is entered last, and so found last after a start.
LAST = "末端标记摄像机"
FOUND_DEADLINE_S = 120.0
FOUND_PAUSE_S = 0.05
# What people type: names, parts of them, initials, spellings, two words, what is nowhere.
QUERIES = (
    "青川",
    "竹园镇",
    "河堤",
    "qc",
    "zyz",
    "qingchuan",
    "hedi",
    "会议室 沙州",
    "应急管理局",
    "村",
    "xyzxyz",
    "摄像机",
)


@dataclass(frozen=True, slots=True)
class Made:
    """What was entered."""

    officer: town.Person
    units: list[str]
    endpoints: int


def unit_steps(count: int) -> Iterator[tuple[str, Step]]:
    """Give the steps that make so many units, each after the one above it, by id."""
    names = [a + b for a, b in product(_FIRST, _SECOND)]
    row, made = [""], 0
    for depth, level in enumerate(_LEVELS):
        below = 1 if depth == 0 else _BELOW[depth - 1]
        parents, row = row, []
        for parent in parents:
            for place in range(below):
                if made == count:
                    return
                name = names[(made * 7 + place) % len(names)] + _ENDS[level]
                identifier = ulid(time.time_ns() // 1000, secrets.token_bytes(RANDOM_BYTES))
                values = {"parent": parent, "level": str(level), "name_zh": name, "id": identifier}
                yield identifier, Step("unit.create", values)
                row.append(identifier)
                made += 1


def endpoint_steps(units: list[str], each: int) -> Iterator[Step]:
    """Give the steps that make so many endpoints of each unit."""
    for unit in units:
        for number in range(each):
            name = f"{_CAMERAS[number % len(_CAMERAS)]}{number + 1}"
            yield Step("endpoint.create", {"unit": unit, "kind": "ip-camera", "name_zh": name})


async def enter(coordinator: Coordinator, units: int, each: int) -> Made:
    """Enter the directory as an import does."""
    found = list(unit_steps(units))
    ids = [identifier for identifier, _ in found]
    for steps in ([step for _, step in found], list(endpoint_steps(ids, each))):
        for begin in range(0, len(steps), MAX_STEPS):
            await coordinator.act(Import(steps=tuple(steps[begin : begin + MAX_STEPS])), SYSTEM, Origin())
    last = endpoints.Create(unit=ids[-1], kind=EndpointKind.IP_CAMERA, name_zh=LAST)
    await coordinator.act(last, SYSTEM, Origin())
    [officer] = await town.sign_in(coordinator, ids[0], ["officer"], (Role("duty-officer", ids[0]),))
    return Made(officer, ids, len(ids) * each)


async def nothing(desk: NodeDesk) -> None:
    """Enter nothing."""


def started(folder: Path, enter: Callable[[NodeDesk], Awaitable[None]] = nothing) -> tuple[float, float]:
    """Enter something, start the node; return the seconds until it answered, and the CPU time it had used by then."""
    server = Huishang(tls=True, folder=folder, prepare=lambda settings: town.furnish(settings, enter))
    used_s = machine.cpu_ns(server.pid) / 1e9
    server.close()
    return server.start_s, used_s


def measure_start(report: Report, folder: Path, units: int, starts: int) -> Made:
    """Add how long the node needs to start, with its database, without, and with nothing; return what is in it."""
    with tempfile.TemporaryDirectory() as name:
        bare = started(Path(name))
    entered: list[Made] = []

    async def fill(desk: NodeDesk) -> None:
        entered.append(await enter(desk.coordinator, units, ENDPOINTS_OF_UNIT))

    first = started(folder, fill)
    [made] = entered
    what = f"start with {len(made.units):,} units, {made.endpoints:,} endpoints"
    taken = sorted([first, *(started(folder) for _ in range(starts - 1))])
    for file in folder.glob("huishang.db*"):
        file.unlink()
    gone = Huishang(tls=True, folder=folder)
    without = gone.start_s, machine.cpu_ns(gone.pid) / 1e9
    gone.close()
    report.add(
        Figure(what, middle([seconds for seconds, _ in taken]), "s", limit=START_LIMIT_S),
        Figure(f"{what}, CPU time", middle([used_s for _, used_s in taken]), "s"),
        Figure(f"{what}, the database gone", without[0], "s"),
        Figure("start with nothing", bare[0], "s"),
    )
    told = ", ".join(f"{seconds:.2f} ({used_s:.2f})" for seconds, used_s in (*taken, without, bare))
    report.note(f"{what}: seconds (of CPU time) each, then without database, then with nothing: {told}")
    return made


class Search:
    """Searches as a page does, over one connection."""

    def __init__(self, server: Huishang, token: str) -> None:
        # The authority is the node's own, made a moment ago for the machine's names.
        context = ssl._create_unverified_context()
        self._connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=60, context=context)
        self._headers = {"Authorization": f"Bearer {token}"}

    def __call__(self, query: str) -> int:
        """Search; return how much was found."""
        path = f"/api/v1/search?q={urllib.parse.quote(query)}"
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        return len(json.loads(body)["results"])

    def close(self) -> None:
        self._connection.close()


def searched_ms(search: Search, count: int) -> list[float]:
    """Return what each of so many searches took, each query's first one left out."""
    for query in QUERIES:
        search(query)
    taken = []
    for number in range(count):
        began = time.perf_counter()
        search(QUERIES[number % len(QUERIES)])
        taken.append((time.perf_counter() - began) * 1e3)
    return taken


def until_found(search: Search, name: str) -> None:
    """Wait until something is found, as what is there is taken in after the start. Raises TimeoutError."""
    deadline = time.monotonic() + FOUND_DEADLINE_S
    while not search(name):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} is not found")
        time.sleep(FOUND_PAUSE_S)


async def levels_ms(server: Huishang, token: str, made: Made, count: int) -> list[float]:
    """Return what it took to open each of so many units on a page, evenly from all of the tree."""
    page = await open_page(server.port, token, "tree", ["overview", "unit:root"])
    taken = []
    for place in range(0, len(made.units), max(1, len(made.units) // count)):
        topic = f"unit:{made.units[place]}"
        taken.append(await page.watch(topic))
        page.say({"t": "unwatch", "topic": topic})
        await asyncio.sleep(LEVEL_PAUSE_S)
    page.close()
    return taken


def measure_asking(report: Report, folder: Path, made: Made, searches: int, levels: int) -> None:
    """Add search over HTTP and the tree's levels."""
    with ExitStack() as stack:
        server = Huishang(tls=True, folder=folder)
        stack.callback(server.close)
        began = time.monotonic()
        token = town.Keys(town.settings_of(server.settings_path)).token(made.officer)
        search = Search(server, token)
        stack.callback(search.close)
        until_found(search, LAST)
        things = f"{len(made.units) + made.endpoints:,} things"
        report.add(Figure(f"{things} found after a start, once it answers", time.monotonic() - began, "s"))
        before = machine.Use.of(server.pid)
        of_search = searched_ms(search, searches)
        report.note(f"search: {machine.Use.of(server.pid).since(before).others_told}")
        of_levels = uvloop.run(levels_ms(server, token, made, levels))
    for what, taken, limit in (
        (f"search over HTTPS among {things}", of_search, SEARCH_LIMIT_MS),
        (f"a level of the tree of {len(made.units):,} units", of_levels, None),
    ):
        p50, p99 = (float(np.percentile(taken, share)) for share in (50, 99))
        report.add(Figure(f"{what}, p50", p50, "ms"), Figure(f"{what}, p99", p99, "ms", limit=limit))


def run(
    report: Report, *, units: int = UNITS, starts: int = STARTS, searches: int = SEARCHES, levels: int = LEVELS
) -> None:
    """Measure into `report`."""
    machine.be_the_load()
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        folder = Path(name).resolve()
        made = measure_start(report, folder, units, starts)
        measure_asking(report, folder, made, searches, levels)
