"""What a node serves beside acts, readings and files answers as it is described, whatever it is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection

from dispatch.acts import people, units
from dispatch.entry import Origin
from dispatch.permissions import SYSTEM
from dispatch.records import Level, Role
from huishang.server import Node
from signaling.auth.signin import Shown
from signaling.http import exported, health, metrics, naming, qr, search, timeline, transfer
from signaling.http.described import MEDIA, session_operations
from tests.huishang.test_edge import running
from tests.patience import PATIENCE_S
from tests.signaling.http.test_conformance import CHECKS, EXAMPLES, OPERATIONS

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: The others have a body that is no JSON, or are no requests with one answer; they have fuzzers of their own.
SESSIONS_OF_MEDIA: Final = "/whip/", "/whep/"
#: Of a request's first line that is read.
LONGEST_ADDRESS: Final = 8_190
DRIVEN: Final = sorted(
    f"{item.method} {item.path}"
    for item in [
        timeline.OPERATION,
        search.OPERATION,
        naming.OPERATION,
        qr.OPERATION,
        transfer.PROGRESS,
        health.OPERATION,
        metrics.OPERATION,
        *exported.OPERATIONS,
        *(item for item in MEDIA.values() if not item.path.startswith(SESSIONS_OF_MEDIA)),
        *(item for item in session_operations() if not item.path.endswith("/ws")),
    ]
)


@dataclass(frozen=True, slots=True)
class Office:
    """A node with an administrator and a member, who can be signed in as often as wanted."""

    node: Node
    http: aiohttp.ClientSession
    url: str
    people: dict[str, str]

    async def tokens(self) -> list[str]:
        """Fresh tokens of everybody; one of nobody."""
        found = ["nobody's"]
        for person in self.people.values():
            code = await self.node.signin.invite(SYSTEM, person, "", 24, Origin())
            found.append((await self.node.signin.by_welcome(Shown(code), Origin())).token)
        return found

    async def description(self) -> dict[str, Any]:
        async with self.http.get("/api/openapi.json") as answer:
            document: dict[str, Any] = json.loads(await answer.read())
        return document


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with AsyncExitStack() as ends:
        node, http = await ends.enter_async_context(running(tmp_path_factory.mktemp("node")))
        act = node.coordinator.act
        county = await act(units.Create(parent="", level=Level.COUNTY, name_zh="青川县"), SYSTEM, Origin())
        found = {}
        for name in ("administrator", "member"):
            create = people.Create(unit=county, name=name, login=name, roles=(Role(name, county),))
            found[name] = await act(create, SYSTEM, Origin())
        yield Office(node, http, str(http._base_url), found)


async def test_all_that_is_described_is_driven_somewhere(office: Office) -> None:
    described = {
        f"{method.upper()} {path}"
        for path, item in (await office.description())["paths"].items()
        for method in item
        if not path.startswith(SESSIONS_OF_MEDIA) and not path.endswith("/ws")
    }
    assert described == {*OPERATIONS, *DRIVEN}


def drive(office: Office, document: dict[str, Any], label: str, tokens: list[str]) -> set[int]:
    """Call an operation with generated values as somebody; return the statuses answered."""
    for item in document["paths"].values():
        for operation in item.values():
            operation.pop("security", None)  # who asks is ours to choose
    document.pop("security", None)
    document["components"].pop("securitySchemes", None)
    found = schemathesis.openapi.from_dict(document).find_operation_by_label(label)
    assert found is not None, label
    seen: set[int] = set()

    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def call(data: st.DataObject) -> None:
        case = data.draw(found.as_strategy(data.draw(st.sampled_from(list(GenerationMode)))))
        headers = {"Authorization": f"Bearer {data.draw(st.sampled_from(tokens))}"}
        response = case.call(base_url=office.url, headers=headers, timeout=PATIENCE_S)
        seen.add(response.status_code)
        if len(response.request.path_url) > LONGEST_ADDRESS:
            assert response.status_code == 400  # by the reader of HTTP, before there is a request
            return
        # What is too large is refused before it is looked at, and so is what is too large and wrong.
        skipped: list[Any] = [negative_data_rejection] if response.status_code == 413 else []
        case.validate_response(response, checks=CHECKS, excluded_checks=skipped)

    call()
    return seen


@pytest.mark.parametrize("label", DRIVEN)
async def test_operation_of_a_node_answers_as_described_whatever_it_is_sent(office: Office, label: str) -> None:
    document = await office.description()
    seen = await asyncio.to_thread(drive, office, document, label, await office.tokens())
    assert seen and max(seen) < 500
