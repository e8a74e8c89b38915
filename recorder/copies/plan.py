"""What a copy will be: every byte of it but the sound is known from what the index says of the original. Core.

Packets have all the same length (a constant bit rate) and last 10 ms, so that one of 10, 20 or 30 ms is never cut in
two. The encoder's way is the one without a look into the future but 2.5 ms (RFC 6716 section 2.1.9, CELT alone).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Final

import msgspec

from recorder.copies import CopyUnfit
from recorder.files import mp4
from recorder.files.facts import VERSION, Codec, Count, Label, Track, Ulid
from recorder.files.samples import Sample

#: Codecs that are copied, with the samples a second of their sound.
RATES: Final = {Codec.PCMU: 8000, Codec.PCMA: 8000, Codec.G722: 16_000}
#: By samples a second. The originals have 64 kb/s.
PACKET_BYTES: Final = {8000: 40, 16_000: 60}
PACKET_US: Final = 10_000
PACKET_TICKS: Final = 480
_PER_FRAGMENT: Final = 50
#: The recorder cuts sound each 5 s; a copy of what is much longer would hold up all others.
MOST_US: Final = 120_000_000
MOST_PACKETS: Final = MOST_US // PACKET_US
MOST_BYTES: Final = 2 << 20
MIME: Final = 'audio/mp4; codecs="opus"'
#: Counts up when copies are made otherwise: who has one of before asks again.
RECIPE: Final = 1


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A copy of one segment. `codec` is the original's."""

    segment: Ulid
    track: Ulid
    number: Count
    t0: Count
    """UTC of its beginning, in microseconds."""
    codec: Codec
    packets: Annotated[int, msgspec.Meta(ge=1, le=MOST_PACKETS)]

    @property
    def rate(self) -> int:
        """Samples a second of the original's sound, at which it is encoded too."""
        return RATES[self.codec]

    @property
    def packet_bytes(self) -> int:
        return PACKET_BYTES[self.rate]

    @property
    def head(self) -> bytes:
        """What stands before the first fragment; the label says what it is a copy of."""
        track = Track(self.track, Codec.OPUS, about={"copy_of": self.codec})
        label = Label(VERSION, self.segment, self.number, self.t0, MIME, track)
        return mp4.head(label, mp4.opus_configuration(1))

    @property
    def head_bytes(self) -> int:
        return _head_bytes(self.codec, len(str(self.number)), len(str(self.t0)))

    @property
    def bytes(self) -> int:
        """Of the whole file."""
        whole, rest = divmod(self.packets, _PER_FRAGMENT)
        length = self.head_bytes + whole * _fragment_bytes(_PER_FRAGMENT, self.packet_bytes)
        return length + (_fragment_bytes(rest, self.packet_bytes) if rest else 0)


def plan_of(codec: str, segment: str, track: str, number: int, t0: int, t1: int) -> Plan:
    """Plan a copy of what lasts from `t0` to `t1`, microseconds UTC. Raises CopyUnfit."""
    if codec not in RATES:
        raise CopyUnfit(f"{codec} is not copied")
    try:
        packets = -(-(t1 - t0) // PACKET_US)
        told = {"segment": segment, "track": track, "number": number, "t0": t0, "codec": codec, "packets": packets}
        return msgspec.convert(told, Plan)
    except msgspec.ValidationError as error:
        raise CopyUnfit(str(error)) from error


def file_of(plan: Plan, packets: list[bytes]) -> bytes:
    """Put the packets, all of the length that was planned, into a file."""
    pieces = [plan.head]
    offset = len(pieces[0])
    for first in range(0, len(packets), _PER_FRAGMENT):
        some = [
            Sample(plan.t0 + (first + at) * PACKET_US, PACKET_US, data, True, PACKET_TICKS)
            for at, data in enumerate(packets[first : first + _PER_FRAGMENT])
        ]
        data, _ = mp4.sound(len(pieces), offset, some, first * PACKET_TICKS)
        pieces.append(data)
        offset += len(data)
    return b"".join(pieces)


@lru_cache(maxsize=256)
def _head_bytes(codec: Codec, number_digits: int, time_digits: int) -> int:
    """Playlists name thousands of copies, whose heads differ in length by nothing else."""
    plan = Plan("0" * 26, "0" * 26, int("1" * number_digits), int("1" * time_digits), codec, 1)
    return len(plan.head)


@lru_cache(maxsize=256)
def _fragment_bytes(packets: int, packet_bytes: int) -> int:
    some = [Sample(0, PACKET_US, bytes(packet_bytes), True, PACKET_TICKS)] * packets
    return len(mp4.sound(1, 0, some, 0)[0])
