"""media.rtp.av1: OBUs come back whole with their sizes, whoever packetised them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.av1 import depacketize, is_keyframe, starts_picture, temporal_unit
from media.rtp.header import PayloadError
from tests.media.plane.payloads import leb128

# A type that is not left out, with or without extension; no size field.
obus = st.builds(
    lambda kind, extension, body: (
        bytes((kind << 3 | (4 if extension else 0),)) + (b"\x28" if extension else b"") + body
    ),
    st.sampled_from([1, 3, 4, 5, 6, 15]),
    st.booleans(),
    st.binary(max_size=300),
)


def sized(obu: bytes) -> bytes:
    """The OBU with its size field (AV1 5.3.2)."""
    at = 2 if obu[0] & 4 else 1
    return bytes((obu[0] | 2,)) + obu[1:at] + leb128(len(obu) - at) + obu[at:]


@st.composite
def packetised(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """OBUs and their payloads, cut anywhere (RTP payload format 4.2 to 4.4); a W of zero now and then."""
    units = draw(st.lists(obus, min_size=1, max_size=5))
    on_wire = [sized(unit) if draw(st.integers(0, 9)) == 0 else unit for unit in units]
    if draw(st.booleans()):
        on_wire.insert(0, b"\x12\x00")  # temporal delimiter
    stream = [(unit[at : at + 1], at == len(unit) - 1) for unit in on_wire for at in range(len(unit))]
    cuts = sorted(draw(st.sets(st.integers(1, len(stream)), max_size=6)) | {len(stream)})
    payloads, begin, continues = [], 0, False
    for end in cuts:
        elements: list[bytes] = []
        piece = b""
        for byte, last in stream[begin:end]:
            piece += byte
            if last:
                elements, piece = [*elements, piece], b""
        goes_on = bool(piece)
        elements += [piece] if goes_on else []
        count = len(elements) if len(elements) < 4 and draw(st.booleans()) else 0
        head = continues << 7 | goes_on << 6 | count << 4 | (begin == 0) << 3
        lengths = [leb128(len(element)) for element in elements]
        if count:
            lengths[-1] = b""
        payloads.append(bytes((head,)) + b"".join(a + b for a, b in zip(lengths, elements, strict=True)))
        begin, continues = end, goes_on
    return units, payloads


@given(packetised())
def test_obus_come_back_however_they_were_cut(drawn: tuple[list[bytes], list[bytes]]) -> None:
    units, payloads = drawn
    assert depacketize(payloads) == units
    assert temporal_unit(units) == b"\x12\x00" + b"".join(map(sized, units))
    assert [starts_picture(payload) for payload in payloads] == [True] + [False] * (len(payloads) - 1)


@pytest.mark.parametrize(
    ("units", "key"),
    [
        ([b"\x08s", b"\x30\x10"], True),  # sequence header, frame: shown, of type KEY_FRAME
        ([b"\x08s", b"\x34\x28\x10"], True),  # the same with an extension
        ([b"\x08s", b"\x18\x10", b"\x20x"], True),  # frame header and tiles
        ([b"\x08s", b"\x30\x30"], False),  # an inter frame behind a repeated sequence header
        ([b"\x08s", b"\x18\x80"], False),  # show_existing_frame
        ([b"\x30\x10"], False),
        ([b"\x08s"], False),
        ([b"\x08s", b"\x30"], False),
    ],
)
def test_keyframe_has_a_sequence_header_and_a_key_frame(units: list[bytes], key: bool) -> None:
    assert is_keyframe(units) is key


@pytest.mark.parametrize(
    "payloads",
    [
        [],
        [b"\x10"],
        [b"\x90x"],  # continues nothing
        [b"\x50x"],  # does not end
        [b"\x50x", b"\x10x"],
        [b"\x20\x05x"],  # element cut off
        [b"\x30\x01x\x01x"],  # two elements of three
        [b"\x00\x00"],  # an element of no byte
        [b"\x00\xff\xff\xff\xff\x01x"],  # a size beyond any
        [b"\x10\x80x"],  # forbidden bit
        [b"\x10\x34"],  # extension cut off
        [b"\x10\x32\x05x"],  # size that does not agree
        [b"\x10\x12\x00"],  # a delimiter and nothing else
    ],
)
def test_what_does_not_fit_is_refused(payloads: list[bytes]) -> None:
    with pytest.raises(PayloadError):
        depacketize(payloads)
