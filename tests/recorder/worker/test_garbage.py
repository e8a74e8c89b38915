"""What decoders choke on, in a real worker: kept or refused with a mark, and what is whole around it is there."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from media.plane.tapring import DROP_NEWEST, TapRingView
from media.rtp import h264
from media.tap import TapRecord
from recorder.files import Codec
from recorder.worker import wire
from tests.patience import until
from tests.recorder.files.frames import Frame, decoded, frames
from tests.recorder.tracks.sender import SECONDS, Sender
from tests.recorder.worker.studio import TRACKS, Studio

RING_BYTES: Final = 64 << 20
SECOND_US: Final = 1_000_000
HEADER, MARKER = 12, 0x80
#: One packet of any codec.
ANY: Final = Frame(b"\0\0\0\1\x01", 0, True)
JUMP: Final = 1 << 30
#: Of a picture: more fragments, and more bytes, than one may have.
HUGE: Final = 9_000
SEED: Final = 20261123
#: All of it was sent when the worker reads it.
BEGAN_US: Final = 120 * SECOND_US


class Line:
    """A sender and the time of what it sends next."""

    def __init__(self, studio: Studio, sender: Sender, begin_us: int) -> None:
        self.sender = sender
        self.written = 0
        self._studio = studio
        self._at_us = begin_us

    def good(self) -> None:
        """A second of real frames, from a keyframe on."""
        self.sender.want_keyframe()
        for _ in range(SECOND_US // self.sender.step_us):
            for record in self.sender.next(self._at_us):
                self._write(record)
            self._at_us += self.sender.step_us

    def bad(self, payload: bytes) -> None:
        """A frame of this payload."""
        record = self._any()
        self._write(record, record.packet[:HEADER] + payload)
        self._at_us += self.sender.step_us

    def rest(self) -> None:
        """Nothing for a second."""
        self._at_us += SECOND_US

    def bent(self, bend: Callable[[bytes], bytes]) -> None:
        """The next real frame, each payload of which is bent."""
        for record in self.sender.next(self._at_us):
            self._write(record, record.packet[:HEADER] + bend(record.packet[HEADER:]))
        self._at_us += self.sender.step_us

    def huge(self, payload: bytes) -> None:
        """One picture of so many such packets, without an end."""
        for _ in range(HUGE):
            record = self._any()
            codec = bytes((record.packet[1] & ~MARKER,))
            self._write(record, record.packet[:1] + codec + record.packet[2:HEADER] + payload)
        self._at_us += self.sender.step_us

    def _any(self) -> TapRecord:
        """A packet with the next number, whatever is in it."""
        return self.sender.packets(ANY, self._at_us, self._at_us * 1000)[0]

    def _write(self, record: TapRecord, packet: bytes | None = None) -> None:
        self.written += 1
        self._studio.ring.write(
            record.packet if packet is None else packet,
            route=record.route,
            monotonic_ns=self._at_us * 1000,
            wall_ns=time.time_ns(),
            ssrc=record.ssrc,
            sequence=record.sequence,
        )


def fuzzed(chance: random.Random) -> Callable[[bytes], bytes]:
    """Turn some bytes of a payload into others, or leave some out."""

    def bend(payload: bytes) -> bytes:
        made = bytearray(payload)
        for _ in range(chance.randint(1, 8)):
            made[chance.randrange(len(made))] = chance.randrange(256)
        return bytes(made[: chance.choice((len(made), chance.randrange(len(made) + 1)))])

    return bend


def pictures_in_h264(line: Line, chance: random.Random) -> None:
    line.huge(b"\x1c\x05" + bytes(1100))
    line.good()
    for payload in (b"", b"\x65", b"\x67", b"\x18\0\0", b"\x18\xff\xff\x67", b"\x1c\x85", b"\x7c\x45", b"\0" * 1100):
        line.bad(payload)
    # FFmpeg is asked of parameter sets where a file begins, of which there are so many in a time.
    given = [each for each in frames(Codec.H264, SECONDS) if each.is_keyframe]
    for _ in range(40):
        sets = [unit for unit in h264.split_annex_b(given[0].data) if unit[0] & 0x1F in (7, 8)]
        bent = b"".join(len(unit).to_bytes(2, "big") + unit for unit in map(fuzzed(chance), sets))
        line.rest()
        line.bad(b"\x18" + bent + b"\0\x02\x65\x88")


def pictures_in_vp8(line: Line, chance: random.Random) -> None:
    line.huge(b"\x00" + bytes(1100))
    line.good()
    for payload in (b"", b"\x10", b"\x90", b"\x90\xff", b"\x10\0\0", b"\x10\x10\0\0\x9d\x01\x2a", b"\xff" * 5):
        line.bad(payload)


def sounds_in_opus(line: Line, chance: random.Random) -> None:
    for payload in (b"", b"\xf8", b"\xfb", b"\xfb\0", b"\xfb\xff", b"\xfa\xff", bytes(1), b"\xff" * 1300):
        line.bad(payload)


GARBAGE: Final = {Codec.H264: pictures_in_h264, Codec.VP8: pictures_in_vp8, Codec.OPUS: sounds_in_opus}


async def test_garbage_is_kept_or_refused_with_a_mark_and_what_is_whole_around_it_is_there(tmp_path: Path) -> None:
    studio, chance = Studio(tmp_path), random.Random(SEED)
    studio.ring = TapRingView(RING_BYTES, DROP_NEWEST)
    studio.process.start()
    number = studio.process.add_ring(studio.ring.fds())
    await studio.ready()
    pid = studio.process.pid
    written = 0
    for codec, track in TRACKS.items():
        sender = studio.senders[track]
        studio.process.open(track, number, sender.route, {"unit": "县应急局"})
        line = Line(studio, sender, time.monotonic_ns() // 1000 - BEGAN_US)
        line.good()
        GARBAGE[codec](line, chance)
        line.good()
        for _ in range(60):
            line.bent(fuzzed(chance))
        for jump in (JUMP, -JUMP):
            sender.timestamp0 += jump
            line.good()
        written += line.written
    await until("all is read", lambda: any(each.records >= written for each in studio.heard(wire.Statistics)))
    for track in TRACKS.values():
        studio.process.close_track(track)
    await until("all are closed", lambda: len(studio.heard(wire.TrackClosed)) == len(TRACKS))
    assert studio.process.pid == pid and not studio.heard(wire.Alarm)
    assert [each.failed for each in studio.heard(wire.TrackClosed)] == [""] * len(TRACKS)
    await studio.close()
    for codec, track in TRACKS.items():
        closed = [each for each in studio.heard(wire.Closed) if each.facts.label.track.track == track]
        told = {gap.why.value for each in closed for gap in each.ended.gaps}
        assert told >= {"refused", "restarted"}, (codec, told)
        facts = studio.facts(track)
        assert facts == [each.facts for each in closed]
        good = SECOND_US // studio.senders[track].step_us
        for each in (facts[0], facts[-1]):
            assert each.frames >= good
        assert decoded(tmp_path / "tracks" / track / facts[-1].name) >= good
