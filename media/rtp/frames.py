"""What a recorded stream is made of: frames, and the gaps between them. Types only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import msgspec


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One picture or one sound packet, whole."""

    timestamp: int
    """Unwrapped, in ticks of the RTP clock; of pictures it is the time of showing, which may go back a little."""
    data: bytes
    """H.264 and H.265: Annex B. AV1: a temporal unit with its delimiter and sizes. VP9: with an index if it has layers.
    Sound: the payload."""
    is_keyframe: bool
    """Of sound always."""
    decodable: bool
    """Every packet since the last keyframe is there. Of sound always."""
    size: tuple[int, int] | None
    """Width and height in pixels, where the frame tells."""
    ticks: int
    """How long a sound lasts; 0 for a picture, which lasts until the next."""
    first_sequence: int
    last_sequence: int
    first_arrival_ns: int
    last_arrival_ns: int


class GapKind(IntEnum):
    """Why something is not there; where several reasons meet, the greatest is told."""

    PAUSED = 1
    """The sender sent no sound for a while (DTX, mute): no number is missing."""
    REFUSED = 2
    """Packets that are not what their codec says, or a picture larger than any."""
    LOST = 3
    """Packets are missing."""
    RESTARTED = 4
    """The sender's numbers or its clock jumped: how much is missing, if anything, can be told by the arrivals only."""


class Gap(msgspec.Struct, frozen=True, gc=False):
    """Something is not there before the next frame.

    The other packets of a picture that misses one are not named: all numbers between two frames that neither has were
    of no use. What follows a picture that was lost comes with `decodable` false until a keyframe.
    """

    kind: GapKind
    first_sequence: int
    last_sequence: int
    """Both included; of a pause the last is one less than the first."""
    timestamp: int | None = None
    """Where the sound before ended, in ticks; None for pictures, and before the first sound."""
    ticks: int | None = None
    """How long no sound is there; None where that is not known, and for pictures."""


@dataclass(slots=True)
class FrameCounts:
    """What became of the packets that were in order."""

    frames: int = 0
    padding: int = 0
    """Packets without a payload."""
    broken: int = 0
    """Pictures of which a packet is missing."""
    refused: int = 0
    """Pictures or sounds that are not what their codec says, or too large."""
    empty: int = 0
    """Access units without a picture: parameter sets or SEI by themselves."""
    early_markers: int = 0
    """Pictures that went on after the packet that said to be their last one."""
