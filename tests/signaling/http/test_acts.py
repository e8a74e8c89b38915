"""Acts over HTTP: every declared one has its route; values, refusals and answers keep what was declared."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

import dispatch.acts
from dispatch.acts.consultation import Create
from dispatch.errors import Conflict, Forbidden, Full, Invalid, Refused, Unavailable, Unknown
from dispatch.records import Stage
from signaling.http import pace
from signaling.http.acts import MAX_ACT_BYTES, act_routes, all_acts
from signaling.http.problem import KINDS, problem_of
from signaling.http.reads import collections
from tests.house.tree import ROOT
from tests.patience import PATIENCE_S
from tests.signaling.http.asking import Answer, ask, problem
from tests.signaling.http.county import COUNTY, EAST, County, number, person, running_county, token

CREATE = "/api/v1/consultations"


@pytest_asyncio.fixture
async def county(tmp_path: Path) -> AsyncIterator[County]:
    async with running_county(tmp_path) as county:
        yield county


@pytest_asyncio.fixture
async def http(county: County) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(county.url) as session:
        yield session


async def held(county: County, **more: Any) -> str:
    """A running consultation of the county; the officer is its chair."""
    return await county.do("officer", Create(title="防汛会商", unit=COUNTY, **more))


def object_of(answer: Answer, status: int = 200) -> str:
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"].startswith("application/json")
    return str(json.loads(answer.body)["object"])


def test_every_module_of_acts_is_found(tmp_path: Path) -> None:
    # In an interpreter of its own, where no other test has imported one; the package gets a module nobody names.
    (tmp_path / "forgotten.py").write_text(
        "from dispatch.acts.base import Act, declare\n"
        "class Forget(Act, frozen=True, kw_only=True):\n    pass\n"
        "@declare('test.forget', Forget, right=None, why='a test', http='POST /forgotten', summary='x')\n"
        "def forget(desk, act):\n    return ''\n"
    )
    code = (
        f"import dispatch.acts; dispatch.acts.__path__.append({str(tmp_path)!r})\n"
        "from signaling.http.acts import act_routes\n"
        "print(*sorted(route.spec.name for route in act_routes()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    found = set(done.stdout.split())
    assert "test.forget" in found
    declared = set()
    for path in Path(dispatch.acts.__path__[0]).rglob("*.py"):
        declared |= set(re.findall(r'@declare\(\s*"([a-z.-]+)"', path.read_text(encoding="utf-8")))
    assert declared == set(all_acts())
    assert found - {"test.forget"} == {name for name, spec in all_acts().items() if spec.path}


def test_every_act_has_an_address_of_its_own_and_a_right_or_a_reason() -> None:
    routes = act_routes(collections())
    addresses = [(route.operation.method, route.operation.path) for route in routes]
    assert len(set(addresses)) == len(addresses) == len([spec for spec in all_acts().values() if spec.path])
    for route in routes:
        assert route.operation.right is not None or route.operation.why, route.spec.name
        fields = {*route.spec.path_fields, *route.body.__struct_fields__}
        assert fields == set(route.spec.act.__struct_fields__), route.spec.name


async def test_what_is_made_is_created_and_its_location_reads_it(county: County, http: aiohttp.ClientSession) -> None:
    body = {"title": "防汛", "unit": COUNTY, "invite": [f"unit:{EAST}"], "of_a_newer_page": 1}
    answer = await ask(http, "POST", CREATE, json=body, headers=token("officer"))
    made = object_of(answer, 201)
    assert answer.location == f"{CREATE}/{made}"
    record = county.coordinator.tables.consultations.get(made)
    assert (record.title, record.chair, record.stage) == ("防汛", person("officer"), Stage.RUNNING)
    read = await ask(http, "GET", answer.location, headers=token("officer"))
    assert read.status == 200 and json.loads(read.body)["invitations"][0]["whom"] == f"unit:{EAST}"


async def test_values_of_the_address_and_of_the_body_come_together(county: County, http: aiohttp.ClientSession) -> None:
    made = await held(county, invite=(f"unit:{EAST}",))
    joined = object_of(await ask(http, "POST", f"{CREATE}/{made}/join", headers=token("east")))
    # The body does not outvote the address.
    body = {"sound": True, "participant": "another", "consultation": number(99)}
    path = f"{CREATE}/{made}/participants/{joined}/mute"
    assert object_of(await ask(http, "POST", path, json=body, headers=token("officer"))) == ""
    participant = county.coordinator.tables.participants.get(joined)
    assert participant.sound_off and not participant.picture_off


async def test_timeline_tells_from_where_an_act_came(county: County, http: aiohttp.ClientSession) -> None:
    made = await held(county, invite=(f"unit:{EAST}",))
    headers = {**token("east"), "Huishang-Device": "tab.1"}
    forged = {"from": {"ip": "203.0.113.9"}, "actor": person("officer"), "origin": {"unit": "x"}}
    await ask(http, "POST", f"{CREATE}/{made}/join", json=forged, headers=headers)
    ((_, record),) = [item for batch in county.journal.read(1) for item in batch]
    (entry,) = json.loads(record)
    assert entry["actor"] == person("east")
    assert entry["from"] == {"ip": "127.0.0.1", "device": "tab.1", "unit": EAST}


@pytest.mark.parametrize("device", ["", "a b", "x" * 65, "名"])
async def test_device_that_is_no_name_is_refused(http: aiohttp.ClientSession, device: str) -> None:
    headers = {**token("officer"), "Huishang-Device": device}
    assert problem(await ask(http, "POST", CREATE, json={}, headers=headers), 400) == "device-invalid"


@pytest.mark.parametrize(
    ("body", "type_", "status", "code", "field"),
    [
        (b"{", "application/json", 400, "body-malformed", None),
        (b"\xff", "application/json", 400, "body-malformed", None),
        (b'{"title": "a", "x": ' + b"[" * 50_000, "application/json", 400, "body-malformed", None),
        (b"[]", "application/json", 422, "body-invalid", None),
        (b"{}", "application/json", 422, "body-invalid", "title"),
        (b"", "application/json", 422, "body-invalid", "title"),
        (b'{"title": 1, "unit": "x"}', "application/json", 422, "body-invalid", "title"),
        (b'{"title": "a", "unit": "x", "admission": "none"}', "application/json", 422, "body-invalid", "admission"),
        (b'{"title": "a", "unit": "x", "begins_us": "1"}', "application/json", 422, "body-invalid", "begins_us"),
        (b'{"title": "a", "unit": "x"}', "text/plain", 415, "unsupported-media-type", None),
        (b" " * (MAX_ACT_BYTES + 1), "application/json", 413, "body-too-large", None),
    ],
)
async def test_body_that_does_not_fit_is_refused(
    http: aiohttp.ClientSession, body: bytes, type_: str, status: int, code: str, field: str | None
) -> None:
    headers = {**token("officer"), "Content-Type": type_}
    answer = await ask(http, "POST", CREATE, data=body, headers=headers)
    assert problem(answer, status) == code
    assert json.loads(answer.body).get("field") == field


async def test_name_that_cannot_be_used_tells_its_field(http: aiohttp.ClientSession) -> None:
    body = {"title": "长" * 65, "unit": COUNTY}
    answer = await ask(http, "POST", CREATE, json=body, headers=token("officer"))
    assert problem(answer, 422) == "too-long" and json.loads(answer.body)["field"] == "title"


async def test_who_may_not_is_refused_and_nothing_is_kept(county: County, http: aiohttp.ClientSession) -> None:
    made = await held(county)
    before = county.journal.position
    mute = f"{CREATE}/{made}/mute"
    for name in ("east", "west", "watcher", "newcomer", "dismissed"):
        assert problem(await ask(http, "POST", mute, headers=token(name)), 403) == "forbidden"
    assert problem(await ask(http, "POST", mute), 401) == "unauthorized"
    assert problem(await ask(http, "POST", mute, headers=token("the-node")), 403) == "person-needed"
    assert county.journal.position == before
    assert (await ask(http, "POST", mute, headers=token("administrator"))).status == 200


async def test_state_that_does_not_fit_is_a_conflict(county: County, http: aiohttp.ClientSession) -> None:
    made = await held(county)
    end = f"{CREATE}/{made}/end"
    assert (await ask(http, "POST", end, headers=token("officer"))).status == 200
    assert problem(await ask(http, "POST", end, headers=token("officer")), 409) == "consultation-ended"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unknown, 404),
        (Forbidden, 403),
        (Invalid, 422),
        (Conflict, 409),
        (Full, 429),
        (Unavailable, 503),
        (Refused, 500),
    ],
)
def test_kind_of_refusal_gives_the_status_and_its_code_stays(error: type[Refused], status: int) -> None:
    response = problem_of(error("some-code", "detail", "title")).response()
    assert isinstance(response.body, bytes)
    told = json.loads(response.body)
    assert (response.status, told["code"], told["field"]) == (status, "some-code", "title")
    assert ("Retry-After" in response.headers) == (status == 503)


def test_every_kind_of_refusal_has_a_status() -> None:
    errors: list[type[Refused]] = [Refused, *Refused.__subclasses__()]
    assert {error.kind for error in errors} == set(KINDS)


async def test_flood_of_one_is_refused_before_it_reaches_the_journal(
    county: County, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "AT_ONCE", 3)
    monkeypatch.setattr(pace, "A_SECOND", 0)
    made = await held(county)
    path = f"{CREATE}/{made}/lock"
    method = next(spec.method for spec in all_acts().values() if spec.path == "/consultations/{consultation}/lock")
    body = {"json": {"locked": True}}
    answers = [await ask(http, method, path, headers=token("officer"), **body) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert problem(answers[-1], 429) == "too-many-attempts" and answers[-1].headers["Retry-After"] == "1"
    assert (await ask(http, method, path, headers=token("administrator"), **body)).status == 200
