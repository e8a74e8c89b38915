"""Health by parts: what is vital makes the whole unwell, the rest degrades it, and each tells since when."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from signaling.http.health import Fault, Health, HealthEndpoint, Part
from tests.signaling.http.asking import ask, problem, serving

FAULTS: dict[str, Fault | None] = {}


@pytest.fixture
def health() -> Health:
    FAULTS.clear()
    return Health(
        {
            "plane": Part(lambda: FAULTS.get("plane"), vital=True),
            "database": Part(lambda: FAULTS.get("database"), vital=False),
        }
    )


@asynccontextmanager
async def serving_health(health: Health) -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(HealthEndpoint(health).routes()) as url, aiohttp.ClientSession(url) as http:
        yield http


def test_fault_is_told_since_it_was_first_seen_until_it_is_over(health: Health) -> None:
    assert health.look(1)["plane"].ok
    FAULTS["plane"] = Fault("plane-busy")
    assert health.look(5)["plane"].since_us == 5
    assert health.look(9)["plane"].since_us == 5
    FAULTS["plane"] = Fault("plane-gone")
    assert health.look(10)["plane"].since_us == 10
    FAULTS["plane"] = None
    assert health.look(11)["plane"].ok
    FAULTS["plane"] = Fault("plane-gone")
    assert health.look(12)["plane"].since_us == 12


def test_part_that_knows_since_when_is_believed(health: Health) -> None:
    FAULTS["database"] = Fault("database-gone", since_us=3)
    assert health.look(50)["database"].since_us == 3


async def test_well_node_says_so(health: Health) -> None:
    async with serving_health(health) as http:
        answer = await ask(http, "GET", "/healthz")
    assert answer.status == 200
    assert json.loads(answer.body) == {"status": "ok", "parts": {"plane": {"ok": True}, "database": {"ok": True}}}


async def test_node_without_its_database_goes_on(health: Health) -> None:
    FAULTS["database"] = Fault("database-gone", since_us=3)
    async with serving_health(health) as http:
        answer = await ask(http, "GET", "/healthz")
    told = json.loads(answer.body)
    assert (answer.status, told["status"]) == (200, "degraded")
    assert told["parts"]["database"] == {"ok": False, "code": "database-gone", "since_us": 3}


async def test_node_whose_vital_part_fails_is_unwell_and_tells_all_parts(health: Health) -> None:
    FAULTS.update(plane=Fault("plane-busy", 7), database=Fault("database-gone", 3))
    async with serving_health(health) as http:
        answer = await ask(http, "GET", "/healthz")
    assert problem(answer, 503) == "node-unwell"
    parts = json.loads(answer.body)["parts"]
    assert parts["plane"] == {"ok": False, "code": "plane-busy", "since_us": 7} and not parts["database"]["ok"]
