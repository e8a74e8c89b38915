"""The description of the interface: valid, whole, and true of the application that it describes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest_asyncio
import schemathesis
from aiohttp import web
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from signaling.auth.endpoint import SessionEndpoint
from signaling.http import health, metrics, naming, qr, replayed, search, timeline, transfer
from signaling.http.access import Access
from signaling.http.acts import act_routes
from signaling.http.described import MEDIA, session_operations
from signaling.http.openapi import OPERATION, describe
from signaling.http.operation import Operation
from signaling.http.reads import READS, collections
from signaling.ws.hub import PATH as WEBSOCKET
from tests.signaling.auth.front import running_front
from tests.signaling.http.asking import ask
from tests.signaling.http.county import County, running_county
from tests.signaling.node import TOKENS, Node

#: Of the page, which is not the interface.
PAGE = {"/", "/index.html", "/{path}"}


@pytest_asyncio.fixture
async def county(tmp_path: Path) -> AsyncIterator[County]:
    async with running_county(tmp_path) as county:
        yield county


def every_operation() -> list[Operation]:
    return [
        *(route.operation for route in act_routes(collections())),
        *(read.operation for read in READS),
        timeline.OPERATION,
        search.OPERATION,
        transfer.EXPORT,
        transfer.IMPORT,
        transfer.PROGRESS,
        naming.OPERATION,
        qr.OPERATION,
        *replayed.OPERATIONS,
        *MEDIA.values(),
        *session_operations(),
        OPERATION,
        health.OPERATION,
        metrics.OPERATION,
    ]


def addresses(routes: Iterable[web.AbstractRoute]) -> set[tuple[str, str]]:
    """Method and address of routes that answer; those that only refuse, or tell what may be asked, are left out."""
    found = {(route.method, route.resource.canonical) for route in routes if route.resource is not None}
    return {(method, path) for method, path in found if method not in ("*", "OPTIONS", "HEAD") and path not in PAGE}


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values())) if value else own
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_description_is_valid_and_refers_to_nothing_that_is_not_there() -> None:
    document = describe(every_operation(), "1.2.3")
    document = json.loads(json.dumps(document))
    OPENAPI_31_VALIDATOR.validate(document)
    schemathesis.openapi.from_dict(document).validate()
    components = document["components"]["schemas"]
    assert references(document) == {f"#/components/schemas/{name}" for name in components}
    assert document["info"]["version"] == "1.2.3"


def test_no_two_operations_have_one_name_or_address() -> None:
    operations = every_operation()
    assert len({item.name for item in operations}) == len(operations)
    assert len({(item.method, item.path) for item in operations}) == len(operations)


def test_every_operation_has_a_right_or_a_reason_and_refuses_strangers_unless_it_is_for_them() -> None:
    for item in every_operation():
        assert item.right is not None or item.why, item.name
        assert not item.signed_in or 401 in item.refuses, item.name


def test_every_operation_is_described_with_its_right() -> None:
    document = describe(every_operation(), "1")
    for item in every_operation():
        told = document["paths"][item.path][item.method.lower()]
        assert told["summary"] and (str(item.right) if item.right else item.why) in told["description"]
        assert {parameter["name"] for parameter in told["parameters"] if parameter["in"] == "path"} == set(
            item.path_fields
        )
        assert ("security" in told) is not item.signed_in


async def test_every_route_of_the_node_is_described(node: Node, county: County) -> None:
    described = {(item.method, item.path) for item in every_operation()}
    assert addresses(node.app.router.routes()) <= described
    assert addresses(county.app.router.routes()) <= described


async def test_every_way_to_sign_in_is_described() -> None:
    described = {(item.method, item.path) for item in session_operations()}
    async with running_front() as front:
        routes = [*SessionEndpoint(front.signin, Access(TOKENS)).routes(), web.get(WEBSOCKET, _never)]
    assert {(route.method, route.path) for route in routes} == described


async def _never(request: web.Request) -> web.Response:
    raise AssertionError("nobody asks")


async def test_every_act_and_reading_of_the_description_has_its_route(county: County) -> None:
    routed = addresses(county.app.router.routes())
    assert {(item.method, item.path) for item in [*county.operations, OPERATION]} == routed


async def test_description_is_read_without_signing_in(county: County) -> None:
    async with county.client(None) as http:
        answer = await ask(http, "GET", "/api/openapi.json")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    document = json.loads(answer.body)
    assert document["openapi"] == "3.1.0" and "/api/v1/consultations/{consultation}/join" in document["paths"]


def test_fields_of_an_act_are_described_as_they_are_declared() -> None:
    document = describe(every_operation(), "1")
    schema = document["components"]["schemas"]["ConsultationCreate"]
    assert schema["required"] == ["title", "unit"]
    assert schema["properties"]["admission"] == {"enum": ["ask", "auto"], "default": "auto"}
    operation = document["paths"]["/api/v1/consultations"]["post"]
    assert set(operation["responses"]) >= {"200", "201", "409", "422"}


def test_no_hash_or_digest_is_part_of_the_interface() -> None:
    document = describe(every_operation(), "1")
    fields = {name for item in document["components"]["schemas"].values() for name in item.get("properties", {})}
    assert "secret" not in fields
