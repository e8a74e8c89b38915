"""Who may: tokens, and pages of other origins."""

from __future__ import annotations

import aiohttp
import pytest

from signaling.auth.endpoint import HEADER
from signaling.http.openapi import describe
from signaling.http.operation import DEVICE_HEADER
from tests.signaling.http.asking import FRAGMENT, SDP, Answer, ask, problem, publish, view
from tests.signaling.http.test_openapi import every_operation
from tests.signaling.node import EVERYTHING, ONE_CAMERA, WATCHER, Node
from tests.signaling.sdp.samples import raw

PORTAL = "https://portal.example"


def listed(value: str) -> set[str]:
    return {item.strip() for item in value.split(",")}


async def anonymous(node: Node, method: str, path: str, headers: dict[str, str], data: bytes | None = None) -> Answer:
    async with aiohttp.ClientSession(node.url) as session:
        return await ask(session, method, path, headers=headers, data=data)


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {EVERYTHING}", EVERYTHING, f"Bearer {EVERYTHING}x",
     "Bearer \xff\xfe", "Bearer " + "x" * 4000],
)  # fmt: skip
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/whip/camera"), ("POST", "/whep/camera"), ("DELETE", "/whip/camera/x"), ("PATCH", "/whep/camera/x"),
     ("GET", "/api/v1/sources"), ("DELETE", "/api/v1/sources/camera")],
)  # fmt: skip
async def test_request_without_a_known_token_is_unauthorized(
    node: Node, method: str, path: str, authorization: str | None
) -> None:
    headers = {**SDP} if authorization is None else {**SDP, "Authorization": authorization}
    answer = await anonymous(node, method, path, headers)
    assert problem(answer, 401) == "unauthorized"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_scheme_is_read_in_any_case(node: Node) -> None:
    headers = {**SDP, "Authorization": f"bEARER {EVERYTHING}"}
    assert (await anonymous(node, "POST", "/whip/camera", headers, raw("chromium-publish"))).status == 201


@pytest.mark.parametrize(
    ("token", "method", "path"),
    [
        (WATCHER, "POST", "/whip/camera"),
        (WATCHER, "DELETE", "/api/v1/sources/camera"),
        (ONE_CAMERA, "POST", "/whip/drone"),
        (ONE_CAMERA, "POST", "/whep/camera"),
        (ONE_CAMERA, "DELETE", "/api/v1/sources/drone"),
    ],
)
async def test_token_that_does_not_cover_the_act_is_forbidden(
    node: Node, http: aiohttp.ClientSession, token: str, method: str, path: str
) -> None:
    await publish(http)
    sessions = set(node.exchange.sessions)
    headers = {**SDP, "Authorization": f"Bearer {token}"}
    assert problem(await anonymous(node, method, path, headers, raw("chromium-publish")), 403) == "forbidden"
    assert set(node.exchange.sessions) == sessions


async def test_watcher_cannot_end_or_restart_the_publisher(node: Node, http: aiohttp.ClientSession) -> None:
    location = (await publish(http)).location
    headers = {**FRAGMENT, "If-Match": "*", "Authorization": f"Bearer {WATCHER}"}
    for method in ("PATCH", "DELETE"):
        assert problem(await anonymous(node, method, location, headers), 403) == "forbidden"
    assert len(node.exchange.sessions) == 1


async def test_token_is_never_in_an_answer(http: aiohttp.ClientSession) -> None:
    for answer in (await publish(http), await view(http), await ask(http, "GET", "/api/v1/sources")):
        assert EVERYTHING.encode() not in answer.body and EVERYTHING not in str(answer.headers)


@pytest.mark.parametrize(
    ("path", "method"),
    [("/whip/camera", "POST"), ("/whep/camera", "POST"), ("/whip/camera/x", "PATCH"), ("/whip/camera/x", "DELETE"),
     ("/api/v1/sources", "GET"), ("/api/v1/sources/camera", "DELETE")],
)  # fmt: skip
async def test_preflight_of_a_known_origin_allows_what_whip_needs(node: Node, path: str, method: str) -> None:
    asked = {
        "Origin": PORTAL,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,if-match",
    }
    answer = await anonymous(node, "OPTIONS", path, asked)
    assert answer.status in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == PORTAL
    assert method in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "if-match"))
    assert HEADER.lower() not in allowed, "it shows the node's own page"


async def test_preflight_allows_every_operation_its_method_and_its_headers(node: Node) -> None:
    paths = describe(every_operation(), "1")["paths"]
    described = [(method.upper(), item) for path in paths.values() for method, item in path.items()]
    named = {one["name"] for _, item in described for one in item["parameters"] if one["in"] == "header"}
    assert DEVICE_HEADER in named and "PUT" in {method for method, _ in described}
    asked = {"Origin": PORTAL, "Access-Control-Request-Method": "PUT"}
    headers = (await anonymous(node, "OPTIONS", "/api/v1/sources/camera", asked)).headers
    assert {method for method, _ in described} <= listed(headers["Access-Control-Allow-Methods"])
    assert named <= listed(headers["Access-Control-Allow-Headers"])


async def test_preflight_of_a_stranger_allows_nothing(node: Node) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await anonymous(node, "OPTIONS", "/whip/camera", asked)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" in answer.headers["Vary"]


async def test_page_of_a_known_origin_can_read_what_it_needs(http: aiohttp.ClientSession) -> None:
    answer = await ask(http, "POST", "/whip/camera", data=raw("chromium-publish"), headers={**SDP, "Origin": PORTAL})
    assert answer.status == 201
    exposed = answer.headers["Access-Control-Expose-Headers"]
    assert all(name in exposed for name in ("Location", "ETag", "Link", "Accept-Patch", "Content-Disposition"))


async def test_refusal_can_be_read_by_a_page_of_a_known_origin(node: Node) -> None:
    answer = await anonymous(node, "POST", "/whip/camera", {**SDP, "Origin": PORTAL})
    assert problem(answer, 401) == "unauthorized"
    assert answer.headers["Access-Control-Allow-Origin"] == PORTAL


async def test_options_tell_what_is_posted_and_patched(node: Node) -> None:
    for preflight in ({}, {"Origin": PORTAL, "Access-Control-Request-Method": "POST"}):
        endpoint = await anonymous(node, "OPTIONS", "/whip/camera", preflight)
        assert endpoint.headers["Accept-Post"] == "application/sdp"
        session = await anonymous(node, "OPTIONS", "/whip/camera/x", preflight)
        assert session.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"
