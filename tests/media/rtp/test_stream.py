"""media.rtp.stream: what FFmpeg and GStreamer send comes out as frames that decode, one for each that was sent."""

from __future__ import annotations

from itertools import pairwise

import av
import pytest

from media.rtp.frames import Frame, Gap, GapKind
from media.rtp.header import build, parse
from media.rtp.sounds import CLOCK_RATES
from media.rtp.stream import CODECS, StreamFrames
from tests.media.rtp.senders import (
    COUNT,
    GSTREAMER,
    PICTURES,
    SIZE,
    SOUNDS,
    decoded_sizes,
    ffmpeg_pictures,
    ffmpeg_sounds,
    frames_of,
    gstreamer,
    received,
)

#: GStreamer 1.22 has no AV1 payloader.
SENDERS = [("ffmpeg", codec) for codec in PICTURES] + [("gstreamer", codec) for codec in PICTURES if codec in GSTREAMER]
VOICES = [("ffmpeg", codec) for codec in SOUNDS] + [("gstreamer", codec) for codec in SOUNDS]


def pictures_of(sender: str, codec: str) -> tuple[bytes, ...]:
    return ffmpeg_pictures(codec) if sender == "ffmpeg" else gstreamer(codec)


@pytest.mark.parametrize(("sender", "codec"), SENDERS)
def test_every_picture_comes_out_and_decodes(sender: str, codec: str) -> None:
    packets = pictures_of(sender, codec)
    frames = frames_of(codec, packets)
    assert len(packets) > 2 * COUNT
    assert [frame.is_keyframe for frame in frames] == [number % 6 == 0 for number in range(COUNT)]
    assert all(frame.decodable for frame in frames)
    assert [frame.size for frame in frames if frame.is_keyframe] == [SIZE, SIZE]
    assert decoded_sizes(codec, frames) == [SIZE] * COUNT
    passed = [frame.timestamp - frames[0].timestamp for frame in frames]
    assert all(abs(ticks - 3000 * number) <= 1 for number, ticks in enumerate(passed))  # GStreamer rounds
    assert frames[0].first_sequence == parse(packets[0]).sequence
    assert frames[-1].last_arrival_ns == (len(packets) - 1) * 1_000_000


@pytest.mark.parametrize(("sender", "codec"), SENDERS)
def test_packet_that_is_lost_costs_its_picture_and_marks_the_rest_until_a_keyframe(sender: str, codec: str) -> None:
    packets = list(pictures_of(sender, codec))
    whole = frames_of(codec, packets)
    start = parse(packets[0]).sequence
    hit = whole[2]
    del packets[hit.last_sequence - start]
    found = received(StreamFrames(codec), packets)
    assert [item for item in found if isinstance(item, Gap)] == [
        Gap(GapKind.LOST, hit.last_sequence, hit.last_sequence)
    ]
    frames = [item for item in found if isinstance(item, Frame)]
    # Without its marker nobody knows of an AV1 temporal unit that it begins behind a gap.
    others = [frame for frame in whole if frame is not hit and (codec != "AV1" or frame is not whole[3])]
    assert [frame.data for frame in frames] == [frame.data for frame in others]
    assert [frame.decodable for frame in frames] == [frame not in whole[3:6] for frame in others]
    assert decoded_sizes(codec, [frame for frame in frames if frame.decodable]) == [SIZE] * (COUNT - 4)


@pytest.mark.parametrize(("sender", "codec"), VOICES)
def test_every_sound_comes_out_and_decodes(sender: str, codec: str) -> None:
    packets = ffmpeg_sounds(codec) if sender == "ffmpeg" else gstreamer(codec)
    frames = frames_of(codec, packets)
    assert [frame.data for frame in frames] == [parse(packet).payload for packet in packets]
    steps = [after.timestamp - before.timestamp - before.ticks for before, after in pairwise(frames)]
    assert set(steps[1:]) == {0}
    # GStreamer takes what Opus begins with (RFC 7845, pre-skip) from the first packet's time.
    assert steps[0] == (-312 if (sender, codec) == ("gstreamer", "opus") else 0)
    seconds = sum(frame.ticks for frame in frames) / CLOCK_RATES[codec]
    assert 1 <= seconds < 1.03  # an encoder's delay makes one more
    decoder = av.CodecContext.create({"opus": "libopus"}.get(codec, SOUNDS[codec][0]), "r")
    assert isinstance(decoder, av.AudioCodecContext)
    if codec != "opus":
        decoder.sample_rate, decoder.layout = SOUNDS[codec][1], "mono"
    sounds = [sound for frame in frames for sound in decoder.decode(av.Packet(frame.data))]
    assert sum(sound.samples / sound.sample_rate for sound in sounds) == pytest.approx(seconds, abs=0.01)


def test_packet_with_extensions_and_padding_is_read_and_what_is_none_is_counted() -> None:
    stream = StreamFrames("PCMU")
    packet = bytearray(build(b"sound\0\0\3", payload_type=0, sequence=1, timestamp=2, ssrc=3, extensions=[(1, b"x")]))
    packet[0] |= 0x20
    (frame,) = stream.receive(bytes(packet), 0)
    assert isinstance(frame, Frame) and frame.data == b"sound"
    assert stream.receive(b"\x80\0", 1) == stream.receive(b"\x20" + bytes(20), 1) == []
    assert stream.malformed == 2


def test_other_codecs_are_refused() -> None:
    assert set(CODECS) == {"H264", "H265", "VP8", "VP9", "AV1", "opus", "PCMU", "PCMA", "G722"}
    with pytest.raises(KeyError):
        StreamFrames("G729")
