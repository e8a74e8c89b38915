"""Every operation called as its description allows, and as it does not: answers conform, and no fault is met."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from dispatch.acts.consultation import Create, Join
from dispatch.acts.recordings import Begin
from signaling.http import replayed
from signaling.http.acts import act_routes
from signaling.http.openapi import OPERATION
from signaling.http.reads import READS, collections
from signaling.http.transfer import EXPORT, IMPORT
from tests.patience import PATIENCE_S
from tests.signaling.http.county import CAMERA, COUNTY, EAST, County, person, running_county, token

EXAMPLES: Final = 12
PERSONS: Final = ("administrator", "officer", "east", "newcomer")
OPERATIONS: Final = sorted(
    f"{item.method} {item.path}"
    for item in [
        *(route.operation for route in act_routes(collections())),
        *(read.operation for read in READS),
        EXPORT,
        IMPORT,
        OPERATION,
        *replayed.OPERATIONS,
    ]
)
# Not `positive_data_acceptance`: what exists, who may and what fits the present state is beyond any description.
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
    unsupported_method,
]


@pytest_asyncio.fixture
async def county(tmp_path: Path) -> AsyncIterator[County]:
    async with running_county(tmp_path) as county:
        yield county


async def things(county: County) -> dict[str, list[str]]:
    """Ids of what is there, by the names that addresses give them."""
    running = await county.do("officer", Create(title="会商", unit=COUNTY, invite=(f"unit:{EAST}",)))
    tomorrow_us = time.time_ns() // 1000 + 86_400_000_000
    scheduled = await county.do("officer", Create(title="例会", unit=COUNTY, begins_us=tomorrow_us))
    present = [await county.do(name, Join(consultation=running)) for name in ("officer", "east")]
    recording = await county.do("officer", Begin(of=f"consultation:{running}"))
    return {
        "recording": [recording],
        "consultation": [running, running, running, scheduled],
        "participant": present,
        "person": [person("officer"), person("east")],
        "unit": [COUNTY, EAST],
        "endpoint": [CAMERA],
    }


async def description(county: County) -> dict[str, Any]:
    """What the node tells of itself, without the sign-in: who asks is ours to choose."""
    async with county.client(None) as http, http.get("/api/openapi.json") as response:
        document: dict[str, Any] = json.loads(await response.read())
    del document["security"], document["components"]["securitySchemes"]
    return document


def drive(county: County, document: dict[str, Any], label: str, known: dict[str, list[str]]) -> set[int]:
    """Call an operation with generated values, and often of things that are there; return the statuses answered."""
    operation = schemathesis.openapi.from_dict(document).find_operation_by_label(label)
    assert operation is not None, label
    seen: set[int] = set()

    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def call(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from(list(GenerationMode)))
        case = data.draw(operation.as_strategy(mode))
        if mode is GenerationMode.POSITIVE and data.draw(st.integers(0, 3)):
            case.path_parameters = {
                name: data.draw(st.sampled_from(known.get(name, [str(value)])))
                for name, value in case.path_parameters.items()
            }
        who = data.draw(st.sampled_from(PERSONS))
        response = case.call(base_url=county.url, headers=token(who), timeout=PATIENCE_S)
        seen.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    call()
    return seen


@pytest.mark.parametrize("label", OPERATIONS)
async def test_operation_answers_as_described_whatever_it_is_sent(county: County, label: str) -> None:
    document = await description(county)
    seen = await asyncio.to_thread(drive, county, document, label, await things(county))
    assert seen and max(seen) < 500


async def test_call_reaches_what_is_behind_the_checks(county: County) -> None:
    document = await description(county)
    label = "GET /api/v1/consultations/{consultation}"
    assert 200 in await asyncio.to_thread(drive, county, document, label, await things(county))
