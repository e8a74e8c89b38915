"""WHIP (RFC 9725) and WHEP as a client meets them, without media."""

from __future__ import annotations

import asyncio
import io
import re
import zlib
from urllib.parse import quote

import aiohttp
import pytest

from signaling.client.http import HttpOptions
from signaling.client.session import SessionOptions, WhipSession
from signaling.http import body
from signaling.ice.turn import Turn
from signaling.sdp.offer import PublishTrack, offer_codecs
from tests.signaling.http.asking import FRAGMENT, SDP, ask, attribute, problem, publish, view
from tests.signaling.http.conftest import client
from tests.signaling.node import EVERYTHING, MAX_SDP_BYTES, Node, running_node
from tests.signaling.sdp.samples import raw

FRESH = b"a=ice-ufrag:frsh\r\na=ice-pwd:fresh-password-of-24-char\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
CANDIDATE = b"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n"


async def test_publishing_creates_a_session_with_location_and_etag(node: Node, http: aiohttp.ClientSession) -> None:
    answer = await publish(http)
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/sdp"
    assert answer.location.startswith("/whip/camera/")
    assert answer.headers["ETag"].startswith('"') and answer.headers["ETag"].endswith('"')
    assert answer.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"
    assert attribute(answer.body, "setup") == "passive" and b"a=ice-lite" in answer.body
    (session,) = node.exchange.sessions.values()
    assert answer.location == f"/whip/camera/{session.id}"


async def test_name_of_the_source_is_taken_from_the_query(node: Node, http: aiohttp.ClientSession) -> None:
    path = "/whip/camera?name=" + quote("移动一号\u202e车")
    assert (await ask(http, "POST", path, data=raw("chromium-publish"), headers=SDP)).status == 201
    assert node.exchange.registry.get("camera").name == "移动一号 车"


@pytest.mark.parametrize(
    "name", ["chromium-publish", "aiortc-publish", "ffmpeg-av", "ffmpeg-active", "obs", "obs-30.1"]
)
async def test_offers_of_known_senders_are_answered(http: aiohttp.ClientSession, name: str) -> None:
    answer = await publish(http, offer=raw(name))
    assert answer.status == 201
    passive = b"a=setup:passive" in raw(name)
    assert attribute(answer.body, "setup") == ("active" if passive else "passive")


async def test_second_publisher_of_a_source_replaces_the_first(http: aiohttp.ClientSession) -> None:
    first, second = await publish(http), await publish(http)
    assert problem(await ask(http, "DELETE", first.location), 404) == "session-unknown"
    assert (await ask(http, "DELETE", second.location)).status == 200


async def test_refused_offer_leaves_the_present_publisher_alone(node: Node, http: aiohttp.ClientSession) -> None:
    first = await publish(http)
    bad = raw("chromium-publish").replace(attribute(raw("chromium-publish"), "fingerprint").encode(), b"sha-256 ZZ")
    assert problem(await publish(http, offer=bad), 400) == "sdp-no-fingerprint"
    assert node.exchange.registry.get("camera").publisher == first.location.rsplit("/", 1)[1]
    assert len(node.exchange.sessions) == 1
    assert (await ask(http, "DELETE", first.location)).status == 200


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/whip/" + "x" * 65, 400, "source-invalid"),
        ("/whip/" + quote("摄像头"), 400, "source-invalid"),
        ("/whip/-dash", 400, "source-invalid"),
        ("/whep/nobody", 404, "source-unknown"),
    ],
)
async def test_source_that_cannot_be_is_refused(
    node: Node, http: aiohttp.ClientSession, path: str, status: int, code: str
) -> None:
    offer = raw("chromium-publish" if "whip" in path else "chromium-view")
    assert problem(await ask(http, "POST", path, data=offer, headers=SDP), status) == code
    assert node.exchange.sessions == {}


def without(offer: bytes, start: str) -> bytes:
    return b"".join(line for line in offer.splitlines(keepends=True) if not line.startswith(start.encode()))


@pytest.mark.parametrize(
    ("offer", "status", "code"),
    [
        (b"", 400, "sdp-malformed"),
        (b"\x00\xff" * 100, 400, "sdp-malformed"),
        (raw("chromium-publish").replace(b"H264/90000", b"X264/90000").replace(b"VP8/", b"X8/").replace(b"VP9/", b"X9/")
         .replace(b"AV1/", b"X1/").replace(b"H265/", b"X5/").replace(b"opus/", b"xopus/").replace(b"G722/", b"X/")
         .replace(b"PCMU/", b"X/").replace(b"PCMA/", b"X/"), 406, "sdp-no-common-codec"),
        (raw("chromium-view"), 400, "sdp-bad-direction"),
        (without(raw("chromium-publish"), "a=group:BUNDLE"), 406, "sdp-no-bundle"),
        (without(raw("chromium-publish"), "a=rtcp-mux"), 406, "sdp-no-rtcp-mux"),
        (without(raw("chromium-publish"), "a=fingerprint"), 400, "sdp-no-fingerprint"),
        (without(raw("chromium-publish"), "a=ice-pwd"), 400, "sdp-no-ice"),
        (raw("chromium-publish").replace(b"a=setup:actpass", b"a=setup:holdconn"), 400, "sdp-bad-setup"),
    ],
    ids=["empty", "binary", "codec", "direction", "bundle", "rtcp-mux", "fingerprint", "ice", "setup"],
)  # fmt: skip
async def test_offer_that_cannot_be_answered_gets_its_code(
    node: Node, http: aiohttp.ClientSession, offer: bytes, status: int, code: str
) -> None:
    answer = await ask(http, "POST", "/whip/camera", data=offer, headers=SDP)
    assert problem(answer, status) == code
    assert node.exchange.sessions == {} and node.exchange.registry.all() == ()


async def test_viewer_that_cannot_play_what_is_published_is_told(http: aiohttp.ClientSession) -> None:
    await publish(http)
    offer = (
        raw("gstreamer-view").replace(b"H264/90000", b"H263/90000").replace(b"OPUS/", b"X/").replace(b"opus/", b"X/")
    )
    assert problem(await view(http, offer=offer), 406) == "sdp-no-common-codec"


@pytest.mark.parametrize("declared", [True, False], ids=["with-length", "chunked"])
async def test_ten_megabytes_are_refused_without_reading_them(http: aiohttp.ClientSession, declared: bool) -> None:
    async def pieces() -> object:
        for _ in range(160):
            yield b"a=x:" + b"y" * 65_532

    data = io.BytesIO(b"v=0\r\n" * 2_000_000) if declared else pieces()
    try:
        answer = await ask(http, "POST", "/whip/camera", data=data, headers=SDP)
    except aiohttp.ClientConnectionError:
        # The server has answered and closed while the body was still being sent.
        return
    assert problem(answer, 413) == "sdp-too-large"


async def test_offer_is_read_up_to_the_limit(http: aiohttp.ClientSession) -> None:
    offer = raw("chromium-publish")
    assert (await publish(http, offer=offer + b"a=filler\r\n" * 500)).status == 201
    too_long = offer + b"a" * (MAX_SDP_BYTES + 1 - len(offer))
    assert problem(await publish(http, offer=too_long), 413) == "sdp-too-large"
    assert problem(await publish(http, offer=too_long[:-1]), 400) == "sdp-malformed"


async def test_body_that_never_ends_is_given_up(http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.2)
    release = asyncio.Event()

    async def stalls() -> object:
        yield b"v=0\r\n"
        await release.wait()

    answer = await ask(http, "POST", "/whip/camera", data=stalls(), headers=SDP)
    release.set()
    assert problem(answer, 408) == "body-timeout"


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {"Content-Type": "application/json"}])
@pytest.mark.parametrize("path", ["/whip/camera", "/whep/camera"])
async def test_other_content_type_is_refused(http: aiohttp.ClientSession, path: str, headers: dict[str, str]) -> None:
    answer = await ask(http, "POST", path, data=raw("chromium-publish"), headers=headers)
    assert problem(answer, 415) == "unsupported-media-type"


@pytest.mark.parametrize("encoding", ["deflate", "gzip", "GZIP", "br", "identity, gzip", "x-own"])
async def test_compressed_body_is_refused(node: Node, http: aiohttp.ClientSession, encoding: str) -> None:
    offer = zlib.compress(raw("chromium-publish"))
    created = await publish(http)
    for method, path, kind in (("POST", "/whip/other", SDP), ("PATCH", created.location, FRAGMENT)):
        answer = await ask(http, method, path, data=offer, headers={**kind, "Content-Encoding": encoding})
        assert problem(answer, 415) == "unsupported-encoding"
        assert answer.headers["Accept-Encoding"] == "identity"
    assert len(node.exchange.sessions) == 1


@pytest.mark.parametrize("encoding", ["identity", "Identity", "", "identity, identity"])
async def test_body_that_says_it_is_not_compressed_is_taken(http: aiohttp.ClientSession, encoding: str) -> None:
    headers = {**SDP, "Content-Encoding": encoding}
    assert (await ask(http, "POST", "/whip/camera", data=raw("chromium-publish"), headers=headers)).status == 201


async def test_session_ends_once(node: Node, http: aiohttp.ClientSession) -> None:
    answer = await publish(http)
    assert (await ask(http, "DELETE", answer.location)).status == 200
    assert problem(await ask(http, "DELETE", answer.location), 404) == "session-unknown"
    assert node.exchange.sessions == {}
    assert node.exchange.registry.get("camera").state.value == "offline"


async def test_session_is_found_under_its_own_source_and_way_only(http: aiohttp.ClientSession) -> None:
    location = (await publish(http)).location
    session = location.rsplit("/", 1)[1]
    for path in (f"/whip/other/{session}", f"/whep/camera/{session}", "/whip/camera/unknown"):
        assert problem(await ask(http, "DELETE", path), 404) == "session-unknown"
    assert (await ask(http, "DELETE", location)).status == 200


async def test_candidates_are_taken_under_the_present_etag_only(http: aiohttp.ClientSession) -> None:
    created = await publish(http)
    etag = created.headers["ETag"]
    for match, status, code in ((None, 428, "etag-missing"), ('"old"', 412, "etag-mismatch")):
        headers = FRAGMENT if match is None else {**FRAGMENT, "If-Match": match}
        assert problem(await ask(http, "PATCH", created.location, data=CANDIDATE, headers=headers), status) == code
    for match in (etag, f'"other", {etag}'):
        taken = await ask(http, "PATCH", created.location, data=CANDIDATE, headers={**FRAGMENT, "If-Match": match})
        assert taken.status == 204 and taken.body == b""


async def test_ice_restart_gives_new_credentials_and_a_new_etag(http: aiohttp.ClientSession) -> None:
    created = await publish(http)
    old = created.headers["ETag"]
    headers = {**FRAGMENT, "If-Match": "*"}
    restarted = await ask(http, "PATCH", created.location, data=FRESH, headers=headers)
    assert restarted.status == 200
    assert restarted.headers["Content-Type"] == "application/trickle-ice-sdpfrag"
    assert restarted.headers["ETag"] != old
    for name in ("ice-ufrag", "ice-pwd"):
        assert attribute(restarted.body, name) != attribute(created.body, name)
    assert attribute(restarted.body, "candidate") == attribute(created.body, "candidate")
    late = await ask(http, "PATCH", created.location, data=CANDIDATE, headers={**FRAGMENT, "If-Match": old})
    assert problem(late, 412) == "etag-mismatch"


@pytest.mark.parametrize(
    ("body", "code"),
    [(CANDIDATE, "sdp-no-ice"), (b"", "sdp-malformed"), (b"a=ice-ufrag:only\r\n", "sdp-malformed"),
     (b"a=ice-ufrag:ab\r\na=ice-pwd:fresh-password-of-24-char\r\n", "sdp-no-ice")],
    ids=["candidates-only", "empty", "half", "bad-ufrag"],
)  # fmt: skip
async def test_restart_without_usable_credentials_changes_nothing(
    http: aiohttp.ClientSession, body: bytes, code: str
) -> None:
    created = await publish(http)
    refused = await ask(http, "PATCH", created.location, data=body, headers={**FRAGMENT, "If-Match": "*"})
    assert problem(refused, 400) == code
    same = await ask(
        http, "PATCH", created.location, data=CANDIDATE, headers={**FRAGMENT, "If-Match": created.headers["ETag"]}
    )
    assert same.status == 204


async def test_patch_of_another_type_or_to_nobody_is_refused(http: aiohttp.ClientSession) -> None:
    created = await publish(http)
    assert problem(await ask(http, "PATCH", created.location, data=FRESH, headers=SDP), 415) == "unsupported-media-type"
    gone = await ask(http, "PATCH", "/whip/camera/none", data=FRESH, headers={**FRAGMENT, "If-Match": "*"})
    assert problem(gone, 404) == "session-unknown"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/whip/camera", "/whep/camera"])
async def test_methods_kept_for_later_are_not_allowed_at_endpoints(
    http: aiohttp.ClientSession, method: str, path: str
) -> None:
    answer = await ask(http, method, path)
    assert answer.status == 405 and answer.headers["Allow"] == "OPTIONS, POST"
    if method != "HEAD":
        assert problem(answer, 405) == "method-not-allowed"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST"])
async def test_methods_kept_for_later_are_not_allowed_at_sessions(http: aiohttp.ClientSession, method: str) -> None:
    answer = await ask(http, method, (await publish(http)).location)
    assert answer.status == 405 and answer.headers["Allow"] == "DELETE, OPTIONS, PATCH"


async def test_viewers_up_to_their_limit_keep_no_publisher_out() -> None:
    async with running_node(max_publishers=3, max_viewers=2) as node, client(node) as http:
        first = await publish(http)
        seen = [await view(http) for _ in range(2)]
        assert [answer.status for answer in seen] == [201, 201]
        assert problem(await view(http), 503) == "session-limit"
        for source in ("second", "third"):
            assert (await publish(http, source)).status == 201
        assert problem(await view(http), 503) == "session-limit"
        assert problem(await publish(http, "fourth"), 503) == "session-limit"
        # A sender that lost its line comes back before we have noticed.
        assert (await publish(http)).status == 201
        assert problem(await ask(http, "DELETE", first.location), 404) == "session-unknown"
        await ask(http, "DELETE", seen[0].location)
        assert (await view(http)).status == 201


async def test_node_with_all_its_sources_takes_no_more() -> None:
    async with running_node(max_sources=1) as node, client(node) as http:
        assert (await publish(http)).status == 201
        assert problem(await publish(http, "one-more"), 503) == "source-limit"
        assert len(node.exchange.sessions) == 1


async def test_new_credentials_under_an_etag_are_refused_and_not_left_waiting(http: aiohttp.ClientSession) -> None:
    created = await publish(http)
    headers = {**FRAGMENT, "If-Match": created.headers["ETag"]}
    refused = await ask(http, "PATCH", created.location, data=FRESH, headers=headers)
    assert problem(refused, 412) == "etag-mismatch"
    offered = [f"a={name}:{attribute(raw('chromium-publish'), name)}\r\n" for name in ("ice-ufrag", "ice-pwd")]
    own = "".join(offered).encode() + CANDIDATE
    assert (await ask(http, "PATCH", created.location, data=own, headers=headers)).status == 204
    restarted = await ask(http, "PATCH", created.location, data=FRESH, headers={**FRAGMENT, "If-Match": "*"})
    headers = {**FRAGMENT, "If-Match": restarted.headers["ETag"]}
    assert (await ask(http, "PATCH", created.location, data=FRESH, headers=headers)).status == 204


async def test_viewers_are_answered_for_what_the_present_publisher_has(node: Node, http: aiohttp.ClientSession) -> None:
    await publish(http)
    only_vp8 = re.sub(rb"H264", b"H26x", raw("chromium-view"))
    only_sound = re.sub(rb"(?s)m=video.*?(?=m=|\Z)", b"", raw("chromium-publish")).replace(b"BUNDLE 0 1", b"BUNDLE 0")
    assert (await publish(http, offer=only_sound)).status == 201
    assert set(node.exchange.media["camera"].codecs) == {"audio"}
    assert (await view(http, offer=only_vp8)).status == 201


async def test_clients_are_told_of_turn_servers_with_credentials_of_their_session() -> None:
    turn = Turn(("stun:a.example", "turn:a.example?transport=udp", "turns:a.example:443"), "the-two-servers-secret")
    async with running_node(turn=turn) as node, client(node) as http:
        for path, offer in (("/whip/camera", "chromium-publish"), ("/whep/camera", "chromium-view")):
            async with http.post(path, data=raw(offer), headers=SDP) as response:
                stun, *closed = response.headers.getall("Link")
            assert stun == '<stun:a.example>; rel="ice-server"'
            session = response.headers["Location"].rsplit("/", 1)[1]
            for link, url in zip(closed, turn.urls[1:], strict=True):
                found = re.fullmatch(
                    rf'<{re.escape(url)}>; rel="ice-server"; username="(\d+:{session})"; credential="([^"]+)"; '
                    'credential-type="password"',
                    link,
                )
                assert found
                ends = int(found[1].partition(":")[0])
                assert turn.servers(session, ends - turn.lifetime_s)[1].credential == found[2]
            assert turn.secret not in str(response.headers)
        # Whoever has not shown a token is told nothing.
        async with aiohttp.ClientSession(node.url) as stranger:
            assert "Link" not in (await ask(stranger, "OPTIONS", "/whip/camera")).headers
            assert "Link" not in (await ask(stranger, "POST", "/whip/camera")).headers


async def test_our_own_client_passes_over_turn_servers() -> None:
    track = PublishTrack("audio", offer_codecs("audio", ["opus"]), "s", "a", "unit@node", ssrc=7)
    options = SessionOptions(HttpOptions(EVERYTHING))
    async with (
        running_node(turn=Turn(("turn:a.example",), "the-two-servers-secret")) as node,
        WhipSession(f"{node.url}/whip/camera", [track], options) as session,
    ):
        assert session.transport.is_connected


async def test_without_a_turn_server_nothing_is_told(http: aiohttp.ClientSession) -> None:
    assert "Link" not in (await publish(http)).headers
