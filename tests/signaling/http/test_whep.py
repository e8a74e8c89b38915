"""WHEP where the tests of WHIP stop: the same rules for those who watch, and refusals that come before the body."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.patience import PATIENCE_S
from tests.signaling.http.asking import FRAGMENT, SDP, ask, attribute, problem, publish, view
from tests.signaling.http.test_whip import CANDIDATE, FRESH
from tests.signaling.node import EVERYTHING, Node
from tests.signaling.sdp.samples import raw

TEN_MEGABYTES = 10_000_000


@pytest.fixture
async def session(http: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """A client of a node where something is published."""
    await publish(http)
    return http


async def test_watching_creates_a_session_with_location_and_etag(session: aiohttp.ClientSession) -> None:
    answer = await view(session)
    assert answer.status == 201 and answer.headers["Content-Type"] == "application/sdp"
    assert answer.location.startswith("/whep/camera/")
    assert answer.headers["ETag"].startswith('"') and answer.headers["ETag"].endswith('"')
    assert attribute(answer.body, "setup") == "passive" and b"a=ice-lite" in answer.body
    assert b"a=sendonly" in answer.body and b"a=recvonly" not in answer.body


async def test_viewer_ends_once(node: Node, session: aiohttp.ClientSession) -> None:
    answer = await view(session)
    assert (await ask(session, "DELETE", answer.location)).status == 200
    assert problem(await ask(session, "DELETE", answer.location), 404) == "session-unknown"
    assert node.exchange.registry.get("camera").viewers == set()
    assert len(node.exchange.sessions) == 1


async def test_candidates_and_restart_follow_the_etag(session: aiohttp.ClientSession) -> None:
    created = await view(session)
    etag = created.headers["ETag"]
    for match, status, code in ((None, 428, "etag-missing"), ('"old"', 412, "etag-mismatch")):
        headers = FRAGMENT if match is None else {**FRAGMENT, "If-Match": match}
        assert problem(await ask(session, "PATCH", created.location, data=CANDIDATE, headers=headers), status) == code
    headers = {**FRAGMENT, "If-Match": etag}
    assert (await ask(session, "PATCH", created.location, data=CANDIDATE, headers=headers)).status == 204
    restarted = await ask(session, "PATCH", created.location, data=FRESH, headers={**FRAGMENT, "If-Match": "*"})
    assert restarted.status == 200 and restarted.headers["ETag"] != etag
    assert attribute(restarted.body, "ice-ufrag") != attribute(created.body, "ice-ufrag")
    late = await ask(session, "PATCH", created.location, data=CANDIDATE, headers=headers)
    assert problem(late, 412) == "etag-mismatch"


@pytest.mark.parametrize(
    ("offer", "status", "code"),
    [
        (b"", 400, "sdp-malformed"),
        (b"\x00\xff" * 100, 400, "sdp-malformed"),
        (raw("chromium-publish"), 400, "sdp-bad-direction"),
        (raw("chromium-view").replace(b"a=fingerprint:", b"a=fingerprints:"), 400, "sdp-no-fingerprint"),
        (raw("chromium-view").replace(b"a=ice-pwd:", b"a=ice-pass:"), 400, "sdp-no-ice"),
    ],
    ids=["empty", "binary", "direction", "fingerprint", "ice"],
)
async def test_offer_that_cannot_be_answered_gets_its_code(
    node: Node, session: aiohttp.ClientSession, offer: bytes, status: int, code: str
) -> None:
    before = set(node.exchange.sessions)
    assert problem(await ask(session, "POST", "/whep/camera", data=offer, headers=SDP), status) == code
    assert set(node.exchange.sessions) == before


async def head_only(node: Node, method: str, path: str, content_type: str) -> tuple[int, dict[str, object]]:
    """Announce ten megabytes and send none of them; return status and problem of the answer that comes all the same."""
    address = urlsplit(node.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"{method} {path} HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {EVERYTHING}\r\n"
    head += f"Content-Type: {content_type}\r\nIf-Match: *\r\nContent-Length: {TEN_MEGABYTES}\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(PATIENCE_S):
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line.split(":")[1]) for line in answer.splitlines() if line.startswith("Content-Length"))
        body = json.loads(await reader.readexactly(length))
    writer.close()
    return int(answer.split()[1]), body


@pytest.mark.parametrize("way", ["whip", "whep"])
async def test_ten_megabytes_are_refused_before_the_first_of_them(
    node: Node, session: aiohttp.ClientSession, way: str
) -> None:
    created = await (publish if way == "whip" else view)(session)
    kinds = (("POST", f"/{way}/camera", "application/sdp"), ("PATCH", created.location, FRAGMENT["Content-Type"]))
    for method, path, content_type in kinds:
        status, body = await head_only(node, method, path, content_type)
        assert (status, body["status"], body["code"]) == (413, 413, "sdp-too-large")
    assert (await ask(session, "DELETE", created.location)).status == 200
