"""media.rtp.vp9: descriptors of every form are as long as RFC 9628 says, layers become what a decoder takes."""

from __future__ import annotations

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.header import PayloadError
from media.rtp.joining import JOINERS
from media.rtp.vp9 import depacketize, read_descriptor, starts_picture, superframe
from tests.media.plane.payloads import encoded


@st.composite
def descriptors(draw: st.DrawFn) -> tuple[bytes, dict[str, object]]:
    """A descriptor as section 4.2 draws it, and what it says."""
    has = {name: draw(st.booleans()) for name in ("id", "inter", "layers", "flexible", "begins", "ends", "structure")}
    flags = sum(has[name] << bit for bit, name in zip(range(7, 0, -1), has, strict=True))
    body = b""
    spatial = draw(st.integers(0, 7)) if has["layers"] else 0
    if has["id"]:
        body += draw(st.sampled_from([b"\x7f", b"\x80\x00", b"\xff\xff"]))
    if has["layers"]:
        body += bytes((draw(st.integers(0, 7)) << 5 | spatial << 1 | draw(st.integers(0, 1)),))
        body += b"" if has["flexible"] else b"\x33"
    if has["flexible"] and has["inter"]:
        references = draw(st.integers(1, 3))
        body += bytes((9 << 1 | (place < references - 1)) for place in range(references))
    size = None
    if has["structure"]:
        layers, sized, groups = draw(st.integers(1, 8)), draw(st.booleans()), draw(st.booleans())
        body += bytes(((layers - 1) << 5 | sized << 4 | groups << 3,)) + (
            b"\x01\x40\x00\xb4" * layers if sized else b""
        )
        if groups:
            counts = draw(st.lists(st.integers(0, 3), max_size=5))
            body += bytes((len(counts),)) + b"".join(bytes((count << 2,)) + b"\x01" * count for count in counts)
        size = (320, 180) if sized else None
    said: dict[str, object] = {"spatial": spatial, "begins": has["begins"], "ends": has["ends"], "size": size}
    return bytes((flags,)) + body, said


@given(descriptors(), st.binary(max_size=8))
def test_descriptor_ends_where_it_ends_and_cut_off_it_is_refused(
    drawn: tuple[bytes, dict[str, object]], picture: bytes
) -> None:
    data, said = drawn
    found = read_descriptor(data + picture)
    assert found.header_bytes == len(data)
    assert {name: getattr(found, name) for name in said} == said
    assert starts_picture(data + picture) is (bool(said["begins"]) and not said["spatial"])
    for length in range(len(data)):
        assert not starts_picture(data[:length]) or read_descriptor(data[:length]).header_bytes > length


def test_layers_of_a_picture_become_one_superframe_that_is_taken_apart_again() -> None:
    first, second = encoded("VP9", 66, 70)[:2]
    payloads = [
        b"\x8a\x01" + b"\x30\x00\x42\x00\x46\x00\x84\x00\x8c" + first.data[:50],  # begins; two layers, with sizes
        b"\x84\x01" + first.data[50:],
        b"\xac\x01\x02\x07" + second.data,  # the upper layer, whole
    ]
    assert depacketize(payloads) == [first.data, second.data]
    picture = JOINERS["VP9"](()).join(payloads, after_gap=False)
    assert picture is not None and picture.is_keyframe and picture.size == (132, 140)
    apart = av.BitStreamFilterContext("vp9_superframe_split", _stream())
    packets = [bytes(packet) for packet in [*apart.filter(av.Packet(picture.data)), *apart.filter(None)]]
    assert packets == [first.data, second.data]
    decoder = av.CodecContext.create("vp9", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    assert len([shown for packet in packets for shown in decoder.decode(av.Packet(packet))]) == 2


def _stream() -> av.VideoStream:
    container = av.open("nowhere.ivf", "w", format="null")
    return container.add_mux_stream("vp9", width=66, height=70)  # type: ignore[return-value]


@given(st.lists(st.binary(min_size=1, max_size=400), min_size=2, max_size=8))
def test_index_of_a_superframe_names_every_size(frames: list[bytes]) -> None:
    data = superframe(frames)
    marker = data[-1]
    size_bytes, count = (marker >> 3 & 3) + 1, (marker & 7) + 1
    index = data[-2 - size_bytes * count :]
    assert marker >> 5 == 6 and index[0] == marker and count == len(frames)
    sizes = [int.from_bytes(index[1 + size_bytes * n :][:size_bytes], "little") for n in range(count)]
    assert sizes == [len(frame) for frame in frames] and data.startswith(b"".join(frames))


@pytest.mark.parametrize(
    "payloads",
    [
        [],
        [b""],
        [b"\x0c"],  # no picture
        [b"\x08x"],  # does not end
        [b"\x04x"],  # did not begin
        [b"\x08x", b"\x0cx"],  # begins within another
        [b"\x5c\x01\x01\x01\x00x"],  # four references
        [b"\x0cx"] * 9,
    ],
)
def test_what_is_cut_off_or_out_of_place_is_refused(payloads: list[bytes]) -> None:
    with pytest.raises(PayloadError):
        depacketize(payloads)
