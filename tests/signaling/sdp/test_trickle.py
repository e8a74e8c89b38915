"""Trickle fragments of WHIP and WHEP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sdp.errors import SdpMalformed, SdpTooLarge
from signaling.sdp.model import Candidate
from signaling.sdp.transport import host_candidates
from signaling.sdp.trickle import TrickleFragment, TrickleMedia, parse_fragment, write_fragment
from tests.signaling.sdp.samples import LOCAL

TRICKLE = """\
a=group:BUNDLE 0 1\r
m=audio 9 UDP/TLS/RTP/SAVPF 111\r
a=mid:0\r
a=ice-ufrag:EsAw\r
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r
a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r
a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw\r
a=end-of-candidates\r
"""  # the shape of RFC 9725 section 4.3.2, credentials in the media line
RESTART = "a=ice-options:trickle ice2\r\na=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n"

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
candidates = st.builds(
    Candidate,
    names,
    st.integers(1, 2),
    st.sampled_from(["udp", "tcp"]),
    st.integers(0, 2**32 - 1),
    names,
    st.integers(0, 65535),
    st.sampled_from(["host", "srflx"]),
    st.none() | names,
    st.none() | st.integers(0, 65535),
)
lines = st.builds(
    TrickleMedia,
    mid=st.none() | names,
    candidates=st.lists(candidates, max_size=3).map(tuple),
    end_of_candidates=st.booleans(),
)
fragments = st.builds(
    TrickleFragment,
    ice_ufrag=names,
    ice_pwd=names,
    ice_options=st.lists(names, max_size=2).map(tuple),
    ice_lite=st.booleans(),
    bundle=st.lists(names, max_size=2).map(tuple),
    candidates=st.lists(candidates, max_size=2).map(tuple),
    end_of_candidates=st.booleans(),
    media=st.lists(lines, max_size=2).map(tuple),
)


@given(fragments)
def test_what_is_written_reads_back_equal(fragment: TrickleFragment) -> None:
    assert parse_fragment(write_fragment(fragment)) == fragment


def test_candidates_belong_to_mids() -> None:
    fragment = parse_fragment(TRICKLE.encode())
    assert (fragment.ice_ufrag, fragment.ice_pwd) == ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
    [media] = fragment.media
    assert (media.mid, media.kind, media.formats, media.end_of_candidates) == ("0", "audio", ("111",), True)
    assert [(item.address, item.port, item.transport) for item in fragment.all_candidates] == [
        ("192.0.2.1", 61764, "udp"),
        ("192.0.2.1", 9, "tcp"),
    ]
    assert fragment.complete


def test_an_ice_restart_may_come_without_candidates() -> None:
    fragment = parse_fragment(RESTART)
    assert (fragment.ice_ufrag, fragment.ice_options, fragment.complete) == (
        "ysXw",
        ("trickle", "ice2"),
        False,
    )


def test_the_answer_to_a_restart() -> None:
    fragment = TrickleFragment(
        ice_ufrag=LOCAL.ice_ufrag,
        ice_pwd=LOCAL.ice_pwd,
        ice_lite=True,
        media=(TrickleMedia("0", candidates=tuple(host_candidates(LOCAL.candidates)), end_of_candidates=True),),
    )
    assert write_fragment(fragment) == (
        "a=ice-lite\r\na=ice-ufrag:srvu\r\na=ice-pwd:srvpwdsrvpwdsrvpwdsrvpwd\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
        "a=candidate:1 1 udp 2130706431 192.0.2.1 7000 typ host\r\n"
        "a=candidate:2 1 udp 2130706175 2001:db8::1 7000 typ host\r\na=end-of-candidates\r\n"
    )


def test_only_the_end_of_candidates_is_a_fragment() -> None:
    assert parse_fragment("m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:0\na=end-of-candidates\n").complete


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "a=x:y\r\n",
        "a=ice-ufrag:abcd\r\n",
        "a=candidate:rubbish\r\n",
        RESTART + TRICKLE,
        "m=audio\r\n",
    ],
)
def test_what_says_nothing_about_ice_is_malformed(text: str) -> None:
    with pytest.raises(SdpMalformed):
        parse_fragment(text)


def test_a_fragment_is_bounded() -> None:
    with pytest.raises(SdpTooLarge):
        parse_fragment(b"a=x\r\n" * 4_000)
    with pytest.raises(SdpTooLarge):
        parse_fragment("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n" * 65)
