"""What the allocator says: what each subscription of a viewer gets, and what nobody of all viewers takes. Core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def unused(offered: Mapping[str, Iterable[int]], allocations: Iterable[Allocation]) -> dict[str, frozenset[int]]:
    """Return the layers of each offered source that no allocation takes; sources without any are left out.

    Layers in simulcast do not need those below them. Whoever else takes layers (a recorder, a wall) is not looked at.
    """
    taken = {(share.source, share.layer) for item in allocations for share in item.shares if share.pause is None}
    free = {
        source: frozenset(number for number in numbers if (source, number) not in taken)
        for source, numbers in offered.items()
    }
    return {source: numbers for source, numbers in free.items() if numbers}
