"""ICE, DTLS and bundling of offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from signaling.sdp.errors import (
    SdpBadSetup,
    SdpError,
    SdpMalformed,
    SdpNoBundle,
    SdpNoFingerprint,
    SdpNoIce,
    SdpNoRtcpMux,
)
from signaling.sdp.model import Connection, MediaDescription, SessionDescription, Setup
from signaling.sdp.parse import parse
from signaling.sdp.transport import (
    LocalCandidate,
    answer_setup,
    bundled,
    host_candidates,
    read_remote,
    require_checks,
    write_local,
)
from signaling.sdp.write import write_candidate
from tests.signaling.sdp.samples import LOCAL, WEBRTC_NAMES, load, raw


def altered(name: str, change: Callable[[str], str]) -> SessionDescription:
    return parse(change(raw(name).decode()))


def without(name: str, *prefixes: str) -> SessionDescription:
    lines = raw(name).decode().splitlines()
    return parse("\r\n".join(line for line in lines if not line.startswith(prefixes)))


@pytest.mark.parametrize("name", WEBRTC_NAMES)
def test_the_transport_of_every_recorded_offer_is_read(name: str) -> None:
    offer = load(name)
    remote = read_remote(offer, bundled(offer))
    assert f"a=ice-ufrag:{remote.ice_ufrag}" in raw(name).decode()
    assert f"a=ice-pwd:{remote.ice_pwd}" in raw(name).decode()
    assert remote.fingerprints[0].algorithm == "sha-256"
    assert remote.setup == {"ffmpeg-active": "active"}.get(name, "passive" if "ffmpeg" in name else "actpass")
    assert not remote.ice_lite
    assert remote.trickle is name.startswith(("chromium", "gstreamer", "obs", "firefox"))


def test_candidates_and_their_end_are_read() -> None:
    offer = load("obs-30.1")
    remote = read_remote(offer, bundled(offer))
    assert [candidate.address for candidate in remote.candidates] == ["192.0.2.53", "2001:db8::53"]
    assert remote.end_of_candidates


def test_a_single_line_needs_no_bundle_group() -> None:
    assert len(bundled(without("ffmpeg-video", "a=group"))) == 1


def test_a_group_that_names_lines_which_do_not_exist_is_read_around() -> None:
    offer = altered("ffmpeg-video", lambda text: text.replace("BUNDLE 1", "BUNDLE 0 1"))
    assert [media.mid for media in bundled(offer)] == ["1"]


def test_the_tagged_line_comes_first() -> None:
    offer = altered("chromium-publish", lambda text: text.replace("BUNDLE 0 1", "BUNDLE 1 0"))
    assert [media.mid for media in bundled(offer)] == ["1", "0"]


@pytest.mark.parametrize(
    ("offer", "error"),
    [
        (without("chromium-publish", "a=group"), SdpNoBundle),
        (altered("chromium-publish", lambda text: text.replace("BUNDLE 0 1", "BUNDLE x y")), SdpNoBundle),
        (altered("ffmpeg-video", lambda text: text.replace("m=video 9", "m=video 0")), SdpNoBundle),
        (parse("v=0\r\n"), SdpNoBundle),
        (altered("chromium-publish", lambda text: text.replace("a=mid:1", "a=mid:0")), SdpMalformed),
        (without("chromium-publish", "a=ice-ufrag"), SdpNoIce),
        (without("chromium-publish", "a=ice-pwd"), SdpNoIce),
        (
            altered("ffmpeg-video", lambda text: text.replace("a=ice-ufrag:", "a=ice-ufrag:abc\r\na=x:")),
            SdpNoIce,
        ),
        (
            altered("ffmpeg-video", lambda text: text.replace("a=ice-pwd:", f"a=ice-pwd:{'x' * 21}\r\na=x:")),
            SdpNoIce,
        ),
        (without("chromium-publish", "a=fingerprint"), SdpNoFingerprint),
        (altered("obs", lambda text: text.replace("sha-256", "sha-1")), SdpNoFingerprint),
        (altered("obs", lambda text: text.replace("AC:3B:", "AC:")), SdpNoFingerprint),
        (without("chromium-publish", "a=rtcp-mux"), SdpNoRtcpMux),
    ],
)
def test_offers_without_a_usable_transport_are_refused(offer: SessionDescription, error: type[SdpError]) -> None:
    with pytest.raises(error):
        read_remote(offer, bundled(offer))


@pytest.mark.parametrize("setup", [None, "actpass", "active"])
def test_we_are_the_dtls_server_where_we_may(setup: Setup | None) -> None:
    remote = replace(read_remote(load("obs"), bundled(load("obs"))), setup=setup)
    assert answer_setup(remote, allow_client=True) == ("passive", "server")


def test_a_peer_that_insists_on_being_the_server_is_taken_only_when_allowed() -> None:
    offer = load("ffmpeg-av")
    remote = read_remote(offer, bundled(offer))
    assert answer_setup(remote, allow_client=True) == ("active", "client")
    with pytest.raises(SdpBadSetup, match="whip_flags=dtls_active"):
        answer_setup(remote, allow_client=False)
    with pytest.raises(SdpBadSetup):
        answer_setup(replace(remote, setup="holdconn"), allow_client=True)


def test_two_lite_sides_never_connect() -> None:
    offer = altered("obs", lambda text: text.replace("a=ice-options", "a=ice-lite\r\na=ice-options"))
    remote = read_remote(offer, bundled(offer))
    assert remote.ice_lite
    with pytest.raises(SdpNoIce):
        require_checks(remote, LOCAL)
    require_checks(remote, replace(LOCAL, ice_lite=False))


def test_our_addresses_become_udp_host_candidates_with_a_foundation_each() -> None:
    found = host_candidates(
        [LocalCandidate("192.0.2.1", 1, 5), LocalCandidate("::1", 1, 4), LocalCandidate("192.0.2.1", 2, 3)]
    )
    assert [(item.foundation, item.transport, item.type, item.port, item.priority) for item in found] == [
        ("1", "udp", "host", 1, 5),
        ("2", "udp", "host", 1, 4),
        ("1", "udp", "host", 2, 3),
    ]


def test_addresses_that_take_connections_become_passive_candidates_with_foundations_of_their_own() -> None:
    found = host_candidates([LocalCandidate("192.0.2.1", 1, 5), LocalCandidate("192.0.2.1", 443, 4, tcp=True)])
    assert [write_candidate(item) for item in found] == [
        "1 1 udp 5 192.0.2.1 1 typ host",
        "2 1 tcp 4 192.0.2.1 443 typ host tcptype passive",
    ]


def test_without_candidates_the_port_is_discard() -> None:
    media = MediaDescription(kind="video", port=1, profile="UDP/TLS/RTP/SAVPF")
    write_local(media, replace(LOCAL, candidates=()), "passive", tagged=True)
    assert (media.port, media.connection, media.candidates, media.end_of_candidates) == (
        9,
        Connection("0.0.0.0"),
        [],
        False,
    )


def test_an_ipv6_default_candidate_says_so() -> None:
    media = MediaDescription(kind="video", port=1, profile="UDP/TLS/RTP/SAVPF")
    write_local(media, replace(LOCAL, candidates=LOCAL.candidates[1:]), "passive", tagged=False)
    assert media.connection == Connection("2001:db8::1", "IP6")
    assert media.candidates == []
