"""Writing: everything that can be read comes back the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.sdp.errors import SdpError
from signaling.sdp.model import (
    DIRECTIONS,
    SETUPS,
    Bandwidth,
    Candidate,
    Codec,
    Connection,
    Extension,
    Fingerprint,
    Group,
    MediaDescription,
    Origin,
    Rid,
    SessionDescription,
    Simulcast,
    SimulcastRid,
    SsrcAttribute,
    SsrcGroup,
)
from signaling.sdp.parse import parse
from signaling.sdp.write import write
from tests.signaling.sdp.samples import NAMES, load, raw

words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=16)
u16, u32 = st.integers(0, 65535), st.integers(0, 2**32 - 1)
pairs = st.tuples(names.filter(lambda item: item not in ("raddr", "rport", "tcptype")), words)
free = st.lists(st.tuples(names.map("x-".__add__), st.none() | words), max_size=3)
candidates = st.builds(
    Candidate, names, st.integers(0, 256), names, u32, words, u16, names, st.none() | words, st.none() | u16,
    st.none() | words, st.lists(pairs, max_size=3).map(tuple),
)  # fmt: skip
values = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters=";"), max_size=12)
fmtps = st.dictionaries(names, values, max_size=4)
codecs = st.builds(
    Codec, st.integers(0, 127), names.map("x".__add__), u32, st.integers(1, 255), fmtps,
    st.lists(st.tuples(names, st.just("") | names), max_size=4, unique=True).map(tuple),
)  # fmt: skip
streams = st.lists(
    st.lists(st.builds(SimulcastRid, names, st.booleans()), min_size=1, max_size=3).map(tuple), max_size=3
)
simulcasts = st.builds(Simulcast, streams.map(tuple), streams.map(tuple)).filter(lambda item: item.send or item.recv)
section = {
    "connection": st.none() | st.builds(Connection, words, words, words),
    "bandwidths": st.lists(st.builds(Bandwidth, names, u32), max_size=2),
    "direction": st.none() | st.sampled_from(DIRECTIONS),
    "setup": st.none() | st.sampled_from(SETUPS),
    "ice_ufrag": st.none() | names,
    "ice_pwd": st.none() | names,
    "ice_options": st.lists(names, max_size=2).map(tuple),
    "ice_lite": st.booleans(),
    "fingerprints": st.lists(st.builds(Fingerprint, names, st.just("AB:CD")), max_size=2),
    "candidates": st.lists(candidates, max_size=2),
    "end_of_candidates": st.booleans(),
    "extensions": st.lists(
        st.builds(
            Extension,
            st.integers(0, 4095),
            words,
            st.none() | st.sampled_from(DIRECTIONS),
            st.just("") | words,
        ),
        max_size=3,
    ),
    "extmap_allow_mixed": st.booleans(),
    "attributes": free,
    "lines": st.lists(st.tuples(st.just("i"), words), max_size=2),
    "gb_ssrc": st.none() | words,
    "gb_format": st.none() | words,
}
rids = st.builds(
    Rid, names, st.sampled_from(["send", "recv"]), st.lists(st.integers(0, 127), max_size=3).map(tuple),
    st.dictionaries(names.map("max-".__add__), values, max_size=3).map(lambda item: tuple(item.items())),
)  # fmt: skip


@st.composite
def media_descriptions(draw: st.DrawFn) -> MediaDescription:
    chosen = draw(st.lists(codecs, max_size=4, unique_by=lambda codec: codec.payload_type))
    others = draw(st.lists(st.integers(35, 95).map(str), max_size=2, unique=True))
    formats = [str(codec.payload_type) for codec in chosen]
    media = draw(
        st.builds(
            MediaDescription,
            kind=names,
            port=u16,
            profile=st.sampled_from(["UDP/TLS/RTP/SAVPF", "RTP/AVP", "udptl"]),
            formats=st.just(formats + [item for item in others if item not in formats]),
            port_count=st.integers(0, 65535),
            mid=st.none() | names,
            codecs=st.just(chosen),
            rids=st.lists(rids, max_size=3),
            simulcast=st.none() | simulcasts,
            ssrcs=st.lists(st.builds(SsrcAttribute, u32, names, st.none() | words), max_size=3),
            ssrc_groups=st.lists(st.builds(SsrcGroup, names, st.lists(u32, max_size=3).map(tuple)), max_size=2),
            rtcp_mux=st.booleans(),
            rtcp_rsize=st.booleans(),
            bundle_only=st.booleans(),
            msid=st.none() | words,
            **section,
        )
    )
    return media


descriptions = st.builds(
    SessionDescription,
    origin=st.builds(Origin, words, words, words, words, words, words),
    name=words,
    times=st.lists(st.tuples(u32, u32), min_size=1, max_size=3),
    groups=st.lists(st.builds(Group, names, st.lists(names, max_size=3).map(tuple)), max_size=2),
    media=st.lists(media_descriptions(), max_size=3),
    **section,
)


@settings(max_examples=40)
@given(descriptions)
def test_what_is_written_reads_back_equal(description: SessionDescription) -> None:
    assert parse(write(description)) == description


@given(st.sampled_from(NAMES), st.data())
def test_what_was_read_from_damaged_text_reads_back_equal(name: str, data: st.DataObject) -> None:
    lines = raw(name).split(b"\n")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        other = data.draw(st.integers(0, len(lines) - 1))
        cut = data.draw(st.integers(0, max(len(lines[other]), 1)))
        lines[at] = lines[at][:cut] + lines[other][data.draw(st.integers(0, 9)) :]
    try:
        description = parse(b"\n".join(lines))
    except SdpError:
        return
    assert parse(write(description)) == description


@pytest.mark.parametrize("name", NAMES)
def test_recorded_descriptions_read_back_equal(name: str) -> None:
    assert parse(write(load(name))) == load(name)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("chromium", "aiortc"))])
def test_nothing_of_a_recorded_description_is_lost(name: str) -> None:
    written = set(write(load(name)).splitlines())
    assert written == {line.replace("msid-semantic: ", "msid-semantic:") for line in raw(name).decode().splitlines()}


def test_every_line_ends_with_crlf() -> None:
    text = write(load("sip-t38-mcptt"))
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n")


def test_a_line_end_inside_a_value_cannot_be_written() -> None:
    with pytest.raises(AssertionError):
        write(SessionDescription(name="x\r\na=evil"))
