"""What the allocator says: what each subscription of a viewer gets. Core."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Pause(StrEnum):
    """Why a picture is not sent. Follows from what is asked for now, never from what was said before.

    NOT_SENT: its source sends nothing. NOT_SEEN: the page shows nothing of it. NO_ROOM: the link does not carry it.
    """

    NOT_SENT = "not-sent"
    NOT_SEEN = "not-seen"
    NO_ROOM = "no-room"


@dataclass(frozen=True, slots=True)
class Share:
    """What a picture gets: the plane's `layer` and its `temporal` rung at `bits`/s, or nothing because of `pause`."""

    id: str
    source: str
    layer: int
    temporal: int
    bits: int
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """What one viewer's link carries: every sound, and a share for each picture, in the order of their ids.

    `planned_bits` is the sum, of which `sound_bits` is sound. `sought_bits` is the estimate that the next step would
    need (0: nothing more is wanted), so that who probes the link knows how far.
    """

    shares: tuple[Share, ...]
    sound_bits: int
    planned_bits: int
    sought_bits: int
