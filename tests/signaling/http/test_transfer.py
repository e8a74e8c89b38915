"""The directory as files over HTTP: what goes out comes in again, rows are reported, and rights hold row by row."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from dispatch.acts.grants import Give
from dispatch.acts.units import Change
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Entry, Origin
from dispatch.permissions import Actor, Right
from dispatch.records import Role
from signaling.http import transfer
from signaling.http.operation import Door
from signaling.http.transfer import TransferEndpoint
from tests.patience import PATIENCE_S
from tests.signaling.http.asking import Answer, ask, problem, serving
from tests.signaling.http.county import COUNTY, EAST, PROVINCE, WEST, coordinating, identify, person, token

EXPORT = "/api/v1/directory/export"
IMPORT = "/api/v1/directory/import"
CSV = {"Content-Type": "text/csv"}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Town:
    """A county whose directory goes in and out as files."""

    url: str
    coordinator: Coordinator

    async def ask(self, name: str | None, method: str, path: str, **more: Any) -> Answer:
        headers = {**(token(name) if name else {}), **more.pop("headers", {})}
        async with aiohttp.ClientSession(self.url) as http:
            return await ask(http, method, path, headers=headers, **more)

    async def bring(self, name: str, data: Any, query: str = "", headers: dict[str, str] = CSV) -> Any:
        answer = await self.ask(name, "POST", f"{IMPORT}?{query}", data=data, headers=headers)
        return json.loads(answer.body) if answer.status == 200 else problem(answer, answer.status)


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with running(tmp_path) as town:
        yield town


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Town]:
    async with coordinating(folder) as (coordinator, _):
        endpoint = TransferEndpoint(coordinator, Door(coordinator.tables, coordinator.permissions, identify))
        async with serving(endpoint.routes()) as url:
            yield Town(url, coordinator)


def table(*rows: tuple[str, ...]) -> bytes:
    """A CSV file of units."""
    text = io.StringIO()
    csv.writer(text).writerows([("parent", "level", "name_zh"), *rows])
    return text.getvalue().encode()


async def test_units_come_in_and_the_same_file_changes_nothing_the_second_time(town: Town) -> None:
    file = table((COUNTY, "township", "南坪乡"), ("江东省/临江县/南坪乡", "village", "下村"))
    told = await town.bring("officer", file, "kind=unit")
    assert (told["created"], told["refused"], told["code"], told["done"]) == (2, [], "", 1)
    names = {unit.name_zh for unit in town.coordinator.tables.units}
    assert {"南坪乡", "下村"} <= names
    again = await town.bring("officer", file, "kind=unit")
    assert (again["created"], again["changed"], again["unchanged"], again["done"]) == (0, 0, 2, 0)


async def test_check_tells_what_would_happen_and_changes_nothing(town: Town) -> None:
    told = await town.bring("officer", table((COUNTY, "township", "南坪乡")), "kind=unit&check=1")
    assert (told["created"], told["done"]) == (1, 0)
    assert len(town.coordinator.tables.units) == 4


async def test_every_refused_row_is_told_and_the_others_come_in(town: Town) -> None:
    file = table((COUNTY, "township", "南坪乡"), (COUNTY, "kingdom", "北乡"), ("nowhere", "village", "下村"))
    told = await town.bring("officer", file, "kind=unit")
    assert told["created"] == 1 and told["refused_rows"] == 2
    assert [remark["row"] for remark in told["refused"]] == [3, 4]


async def test_rows_need_the_right_of_who_brings_them(town: Town) -> None:
    told = await town.bring("officer", table((PROVINCE, "city", "省城")), "kind=unit")
    assert told["created"] == 0 and told["refused"][0]["code"] == "forbidden"
    told = await town.bring("administrator", table((PROVINCE, "city", "省城")), "kind=unit")
    assert told["created"] == 1


async def test_what_goes_out_comes_in_again_unchanged(town: Town) -> None:
    file = (await town.ask("administrator", "GET", EXPORT)).body
    told = await town.bring("administrator", file, headers=JSON)
    assert (told["created"], told["changed"], told["refused"]) == (0, 0, [])
    assert told["unchanged"] == 4 + 7 + 1


async def test_csv_opens_in_a_spreadsheet_in_the_language_asked_for(town: Town) -> None:
    answer = await town.ask("administrator", "GET", f"{EXPORT}?format=csv&kind=unit&language=zh")
    assert answer.body.startswith(b"\xef\xbb\xbf") and answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "东河乡" in answer.body.decode()
    await town.coordinator.act(Change(unit=EAST, name_en="=1+1"), Actor(person("officer")), Origin())
    english = await town.ask("administrator", "GET", f"{EXPORT}?format=csv&kind=unit&language=en")
    assert "'=1+1" in english.body.decode()


async def test_who_took_the_directory_out_stands_in_the_timeline_with_how_much_it_was(town: Town) -> None:
    entered: list[Entry] = []
    town.coordinator.listen(lambda entries, changes: entered.extend(entries))
    headers = {"Huishang-Device": "page-7"}
    await town.ask("administrator", "GET", EXPORT, headers=headers)
    await town.ask("administrator", "GET", f"{EXPORT}?format=csv&kind=person", headers=headers)
    who = person("administrator")
    assert [(entry.verb, entry.actor, entry.object, entry.params) for entry in entered] == [
        ("directory.export", who, f"export:{who}", {"person": who, "format": "json", "of": "", "count": 12}),
        ("directory.export", who, f"export:{who}", {"person": who, "format": "csv", "of": "person", "count": 7}),
    ]
    assert {(entry.origin.ip, entry.origin.device) for entry in entered} == {("127.0.0.1", "page-7")}


async def test_nothing_is_taken_out_that_the_timeline_does_not_keep(town: Town) -> None:
    await town.coordinator.close()
    for query in ("", "?format=csv"):
        assert problem(await town.ask("administrator", "GET", EXPORT + query), 503) == "node-stopping"


@pytest.mark.parametrize("name", ["officer", "east", "watcher", "newcomer", "dismissed"])
async def test_who_may_export_nothing_gets_nothing_and_leaves_no_entry(town: Town, name: str) -> None:
    entered: list[Entry] = []
    town.coordinator.listen(lambda entries, changes: entered.extend(entries))
    assert problem(await town.ask(name, "GET", EXPORT), 403) == "forbidden"
    assert entered == []


@pytest.mark.parametrize("name", ["east", "watcher", "newcomer", "dismissed"])
async def test_who_manages_nothing_brings_in_nothing(town: Town, name: str) -> None:
    assert await town.bring(name, table((EAST, "village", "下村")), "kind=unit") == "forbidden"


async def test_who_was_lent_the_right_brings_in_and_takes_out_what_it_is_of(town: Town) -> None:
    until_us = time.time_ns() // 1000 + 3_600_000_000
    for verb in (Right.MANAGE, Right.EXPORT):
        give = Give(verb=verb, object=f"unit:{EAST}", to=f"person:{person('watcher')}", until_us=until_us)
        await town.coordinator.act(give, Actor(person("administrator")), Origin())
    told = await town.bring("watcher", table((EAST, "village", "下村"), (WEST, "village", "上村")), "kind=unit")
    assert told["created"] == 1 and [remark["code"] for remark in told["refused"]] == ["forbidden"]
    answer = await town.ask("watcher", "GET", f"{EXPORT}?format=csv&kind=unit")
    assert "下村" in answer.body.decode() and "西山乡" not in answer.body.decode()


async def test_strangers_are_refused(town: Town) -> None:
    assert problem(await town.ask(None, "GET", EXPORT), 401) == "unauthorized"
    assert problem(await town.ask(None, "POST", IMPORT, data=b""), 401) == "unauthorized"


async def test_exported_is_only_what_lies_in_units_that_one_may_export(town: Town) -> None:
    people = town.coordinator.tables.people
    people.put(msgspec.structs.replace(people.get(person("east")), roles=(Role("administrator", EAST),)))
    town.coordinator.tables.commit()
    told = json.loads((await town.ask("east", "GET", EXPORT)).body)
    assert [unit["id"] for unit in told["units"]] == [EAST]
    assert {item["unit"] for item in (*told["people"], *told["endpoints"])} == {EAST}


async def test_several_files_come_as_the_parts_of_a_form(town: Town) -> None:
    form = aiohttp.FormData()
    form.add_field("a", table((COUNTY, "township", "南坪乡")), filename="units.csv", content_type="text/csv")
    people = "unit,name,login\n江东省/临江县/南坪乡,李四,lisi\n".encode("gb18030")
    form.add_field("b", people, filename="people.csv", content_type="text/csv")
    told = await town.bring("officer", form, headers={})
    assert (told["created"], told["refused"]) == (2, [])
    assert town.coordinator.tables.person_of_login.count("lisi") == 1


@pytest.mark.parametrize(
    ("data", "headers", "code"),
    [
        (b"x", {"Content-Type": "text/plain"}, "unsupported-media-type"),
        (b"x", {"Content-Type": "multipart/form-data"}, "body-malformed"),
        (b"x", {"Content-Type": "multipart/form-data; boundary=b"}, "body-malformed"),
        (b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}, "body-malformed"),
        (
            b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n--b--\r\n",
            {"Content-Type": "multipart/form-data; boundary=b"},
            "body-malformed",
        ),
        (b"--b\r\n\r\nx\r\n" * 20 + b"--b--", {"Content-Type": "multipart/form-data; boundary=b"}, "body-malformed"),
        (b"x", {**CSV, "Content-Encoding": "gzip"}, "unsupported-encoding"),
        (b"x" * 2_000, CSV, "body-too-large"),
    ],
)
async def test_body_that_is_no_file_is_refused(
    town: Town, monkeypatch: pytest.MonkeyPatch, data: bytes, headers: dict[str, str], code: str
) -> None:
    monkeypatch.setattr(transfer, "MAX_BYTES", 1_000)
    assert await town.bring("officer", data, "kind=unit", headers) == code


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b'{"units": 3}', b"[" * 10_000, b'"' * 999])
async def test_file_of_garbage_is_reported_not_met_by_a_fault(town: Town, data: bytes) -> None:
    for headers in (CSV, JSON):
        told = await town.bring("officer", data, "kind=unit", headers)
        assert told["created"] == 0, told


async def test_one_file_comes_in_at_a_time(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = TransferEndpoint._planned
    begun, release = asyncio.Event(), asyncio.Event()

    async def held(self: TransferEndpoint, actor: Actor, files: Any) -> Any:
        begun.set()
        await release.wait()
        return await planned(self, actor, files)

    monkeypatch.setattr(TransferEndpoint, "_planned", held)
    first = asyncio.create_task(town.bring("officer", table((COUNTY, "township", "南坪乡")), "kind=unit"))
    await begun.wait()
    assert await town.bring("administrator", table(), "kind=unit&check=1") == "import-busy"
    release.set()
    assert (await first)["created"] == 1


async def test_file_that_is_on_its_way_holds_up_no_other(town: Town) -> None:
    arriving = asyncio.Event()
    slow = asyncio.create_task(town.bring("officer", _slowly(arriving), "kind=unit"))
    assert (await town.bring("administrator", table((COUNTY, "township", "石门乡")), "kind=unit"))["created"] == 1
    assert not slow.done()
    arriving.set()
    assert (await slow)["created"] == 1


async def test_more_files_at_once_than_memory_is_meant_for_are_refused(town: Town) -> None:
    arriving, query = asyncio.Event(), "kind=unit&check=1"
    files = [
        asyncio.create_task(town.bring("officer", _slowly(arriving), query)) for _ in range(transfer.MAX_UPLOADS + 1)
    ]
    async with asyncio.timeout(PATIENCE_S):
        (refused,), others = await asyncio.wait(files, return_when=asyncio.FIRST_COMPLETED)
    assert await refused == "import-busy"
    arriving.set()
    # What is here waits its turn.
    assert [(await other)["created"] for other in others] == [1] * transfer.MAX_UPLOADS


async def test_file_of_which_nothing_more_comes_is_given_up(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "SILENT_SECONDS", 0.05)
    assert await town.bring("officer", _slowly(asyncio.Event()), "kind=unit") == "body-timeout"


async def _slowly(arriving: asyncio.Event) -> AsyncIterator[bytes]:
    """Give a file, half of it only when it may."""
    whole = table((COUNTY, "township", "南坪乡"))
    yield whole[: len(whole) // 2]
    await arriving.wait()
    yield whole[len(whole) // 2 :]


async def test_what_changes_in_between_ends_the_import_with_its_code(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = TransferEndpoint._planned

    async def interrupted(self: TransferEndpoint, actor: Actor, files: Any) -> Any:
        found = await planned(self, actor, files)
        await town.coordinator.act(Change(unit=WEST, name_zh="南坪乡"), Actor(person("officer")), Origin())
        return found

    monkeypatch.setattr(TransferEndpoint, "_planned", interrupted)
    told = await town.bring("officer", table((COUNTY, "township", "南坪乡")), "kind=unit")
    assert (told["done"], told["code"]) == (0, "name-taken")


async def test_how_far_an_import_is_can_be_asked_and_ends_with_it(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch.directory.importing.MAX_STEPS", 1)
    seen: list[dict[str, Any]] = []
    act = Coordinator.act

    async def asked(self: Coordinator, *given: Any) -> str:
        seen.append(json.loads((await town.ask("officer", "GET", IMPORT)).body))
        return await act(self, *given)

    monkeypatch.setattr(Coordinator, "act", asked)
    await town.bring("officer", table((COUNTY, "township", "甲乡"), (COUNTY, "township", "乙乡")), "kind=unit")
    assert seen == [{"running": True, "done": number, "of": 2} for number in range(2)]
    answer = await town.ask("officer", "GET", IMPORT)
    assert json.loads(answer.body) == {"running": False, "done": 2, "of": 2}
    assert problem(await town.ask("east", "GET", IMPORT), 403) == "forbidden"


async def test_check_tells_the_steps_that_would_be_taken(town: Town) -> None:
    file = table((COUNTY, "township", "南坪乡"))
    told = await town.bring("officer", file, "kind=unit&check=1")
    assert [(step["name"], step["values"]["name_zh"]) for step in told["steps"]] == [("unit.create", "南坪乡")]
    assert (await town.bring("officer", file, "kind=unit"))["steps"] == []
