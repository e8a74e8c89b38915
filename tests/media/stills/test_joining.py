"""media.stills.joining: a keyframe comes whole out of its packets, however they arrive, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane.codec import starts_keyframe
from media.stills.joining import MOST_PICTURES, Keyframe, KeyframeJoiner
from tests.media.rtp.pictures import encoded
from tests.media.stills.frames import ENCODERS, packets


def joined(codec: str, arriving: list[bytes], joiner: KeyframeJoiner | None = None) -> list[Keyframe]:
    """Give what comes of packets of which the plane says what begins a keyframe."""
    joiner = joiner or KeyframeJoiner()
    found = [joiner.take(packet, at, starts=starts_keyframe(codec, packet[12:])) for at, packet in enumerate(arriving)]
    return [keyframe for keyframe in found if keyframe is not None]


@pytest.mark.parametrize("codec", ENCODERS)
@given(data=st.data())
def test_keyframe_is_whole_in_whatever_order_its_packets_come(codec: str, data: st.DataObject) -> None:
    frame = encoded(ENCODERS[codec], 2)[0]
    sent = packets(codec, frame, most=1200)
    order = data.draw(st.permutations(sent))
    (found,) = joined(codec, order + sent[:1])
    assert found.codec == codec and found.wall_ns == 0
    assert found.data.replace(b"\0\0\0\1", b"\0\0\1") == frame.replace(b"\0\0\0\1", b"\0\0\1")


@pytest.mark.parametrize("codec", ENCODERS)
def test_picture_that_needs_another_is_none(codec: str) -> None:
    assert joined(codec, packets(codec, encoded(ENCODERS[codec], 2)[1])) == []


@pytest.mark.parametrize("codec", ENCODERS)
@given(lost=st.integers(0, 10_000))
def test_keyframe_with_a_hole_is_none_and_the_next_one_comes(codec: str, lost: int) -> None:
    frame = encoded(ENCODERS[codec], 2)[0]
    sent = packets(codec, frame, most=1200)
    del sent[lost % len(sent)]
    joiner = KeyframeJoiner()
    assert joined(codec, sent, joiner) == []
    assert len(joined(codec, packets(codec, frame, 100, 12_000, 1200), joiner)) == 1


@pytest.mark.fuzz
@given(st.lists(st.tuples(st.binary(max_size=60), st.booleans()), max_size=60))
def test_hostile_packets_are_bounded(arriving: list[tuple[bytes, bool]]) -> None:
    joiner = KeyframeJoiner()
    for packet, starts in arriving:
        joiner.take(packet, 0, starts=starts)
    assert len(joiner._pictures) <= MOST_PICTURES
