"""media.rtp.sounds: how much sound is missing is told to the sample, and a silent sender misses nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.frames import Frame, Gap, GapKind
from media.rtp.header import build
from media.rtp.sounds import CLOCK_RATES
from media.rtp.stream import StreamFrames

OPUS = b"\xf8sound"
#: 20 ms by codec.
PAYLOADS = {"opus": (OPUS, 960), "PCMU": (b"\xff" * 160, 160), "PCMA": (b"\xd5" * 160, 160), "G722": (bytes(160), 160)}


def rtp(sequence: int, timestamp: int, payload: bytes) -> bytes:
    return build(payload, payload_type=111, sequence=sequence, timestamp=timestamp, ssrc=7)


@pytest.mark.parametrize("codec", PAYLOADS)
@given(
    start=st.sampled_from([0, 65_533]),
    begin=st.sampled_from([0, 2**32 - 960]),
    fates=st.lists(st.tuples(st.sampled_from(["sent", "sent", "lost", "garbage"]), st.integers(0, 100)), max_size=40),
)
def test_sounds_and_gaps_together_are_as_long_as_what_was_sent(
    codec: str, start: int, begin: int, fates: list[tuple[str, int]]
) -> None:
    """`fates`: of each sound, and how many sounds long the sender was silent before it."""
    payload, ticks = PAYLOADS[codec]
    stream = StreamFrames(codec)
    found: list[Frame | Gap] = []
    timestamp, sent, kinds = begin, [begin], set()
    found += stream.receive(rtp(start, begin, payload), 0)
    for number, (fate, silent) in enumerate([*fates, ("sent", 0)], 1):
        if fate == "garbage" and codec != "opus":
            fate = "lost"
        timestamp += ticks * (1 + silent)
        kinds |= {GapKind.PAUSED} if silent and fate == "sent" else set()
        if fate == "lost":
            kinds.add(GapKind.LOST)
            continue
        now_ns = (timestamp - begin) * 10**9 // CLOCK_RATES[codec]
        if fate == "garbage":
            kinds.add(GapKind.REFUSED)
            found += stream.receive(rtp(start + number, timestamp, b"\x03"), now_ns)
            continue
        sent.append(timestamp)
        found += stream.receive(rtp(start + number, timestamp, payload), now_ns)
    found += stream.finish()
    assert [item.timestamp for item in found if isinstance(item, Frame)] == sent
    at = begin
    for item in found:
        assert item.timestamp == at and item.ticks
        at += item.ticks
    assert at == timestamp + ticks
    told = {item.kind for item in found if isinstance(item, Gap)}
    assert told <= kinds and (GapKind.LOST in told) == (GapKind.LOST in kinds)


def test_gap_tells_what_was_lost_and_for_how_long() -> None:
    stream = StreamFrames("opus")
    for sequence, timestamp in [(65_534, 0), (65_535, 960)]:
        stream.receive(rtp(sequence, timestamp, OPUS), 0)
    assert stream.receive(rtp(3, 960 * 5, OPUS), 1) == []
    gap, frame = stream.handle_timer(10**10)
    assert gap == Gap(GapKind.LOST, 65_536, 65_538, 1920, 2880)
    assert isinstance(frame, Frame) and (frame.timestamp, frame.ticks) == (4800, 960)


def test_discontinuous_transmission_is_a_pause_and_no_loss() -> None:
    stream = StreamFrames("opus")
    stream.receive(rtp(1, 0, OPUS), 0)
    # Opus in DTX sends one packet of a byte or two each 400 ms.
    found = stream.receive(rtp(2, 19_200, b"\xf8"), 400_000_000) + stream.receive(rtp(3, 38_400, OPUS), 800_000_000)
    assert [item.kind for item in found if isinstance(item, Gap)] == [GapKind.PAUSED] * 2
    assert found[0] == Gap(GapKind.PAUSED, 2, 1, 960, 18_240)
    assert isinstance(found[1], Frame) and (found[1].data, found[1].ticks) == (b"\xf8", 960)


def test_hour_of_mute_is_a_pause_and_a_clock_that_jumps_is_a_restart() -> None:
    stream, hour = StreamFrames("PCMU"), 3600 * 8000
    found = stream.receive(rtp(1, 0, bytes(160)), 0)
    found += stream.receive(rtp(2, hour, bytes(160)), 3600 * 10**9)
    found += stream.receive(rtp(3, 2 * hour, bytes(160)), 3600 * 10**9 + 1)
    found += stream.receive(rtp(4, hour, bytes(160)), 3600 * 10**9 + 2)
    gaps = [item for item in found if isinstance(item, Gap)]
    assert [(gap.kind, gap.ticks) for gap in gaps] == [
        (GapKind.PAUSED, hour - 160),
        (GapKind.RESTARTED, None),
        (GapKind.RESTARTED, None),
    ]
    stamps = [item.timestamp for item in found if isinstance(item, Frame)]
    assert stamps == [0, hour, 2 * hour, hour + 2**32]


def test_gap_that_no_sound_ended_is_told_at_the_end() -> None:
    stream = StreamFrames("opus")
    stream.receive(rtp(1, 0, OPUS), 0)
    stream.receive(rtp(2, 960, b"\x03"), 1)
    assert stream.finish() == [Gap(GapKind.REFUSED, 2, 2, 960)]
    assert stream.frame_counts.refused == 1 and stream.finish() == []
