"""media.rtp.opus: durations as the encoder made them and as RFC 6716 tabulates them."""

from __future__ import annotations

from contextlib import suppress

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp.header import PayloadError
from media.rtp.opus import CLOCK_RATE, duration_samples


@pytest.mark.parametrize("milliseconds", [10, 20, 40, 60])
def test_duration_is_what_the_encoder_was_told(milliseconds: int) -> None:
    context = av.CodecContext.create("libopus", "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout, context.format = CLOCK_RATE, "mono", "s16"
    context.options = {"frame_duration": str(milliseconds)}
    samples = np.sin(np.arange(CLOCK_RATE) / 20) * 10_000
    frame = av.AudioFrame.from_ndarray(samples.astype(np.int16)[np.newaxis], format="s16", layout="mono")
    frame.sample_rate, frame.pts = CLOCK_RATE, 0
    context.open()
    size = context.frame_size
    fifo = av.AudioFifo()
    fifo.write(frame)
    packets: list[bytes] = []
    while (part := fifo.read(size)) is not None:
        packets += [bytes(packet) for packet in context.encode(part)]
    assert len(packets) > 5
    assert {duration_samples(packet) for packet in packets} == {milliseconds * 48}


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (b"\x00", 480),  # SILK narrowband 10 ms
        (b"\x19", 2 * 2880),  # two SILK 60 ms frames
        (b"\x60", 480),  # hybrid 10 ms
        (b"\xe0", 120),  # CELT fullband 2.5 ms
        (b"\xfb\x06", 6 * 960),  # six CELT 20 ms frames
    ],
)
def test_duration_follows_the_table(packet: bytes, samples: int) -> None:
    assert duration_samples(packet) == samples


@pytest.mark.parametrize("packet", [b"", b"\xfb", b"\xfb\x00", b"\xfb\x07", b"\x1b\x03"])
def test_impossible_durations_are_refused(packet: bytes) -> None:
    with pytest.raises(PayloadError):
        duration_samples(packet)


@given(st.binary(max_size=4))
def test_arbitrary_bytes_give_at_most_120_ms_or_are_refused(packet: bytes) -> None:
    with suppress(PayloadError):
        assert 0 < duration_samples(packet) <= 5760
