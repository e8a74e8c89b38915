"""How losses are made up for on one link: asked for and sent again where that is quick, sent ahead where it is not.

Sound is never asked for again: by then its turn is over. Where packets get lost, each carries the sounds before it
(RED). Pictures wait for the answer to a NACK; where that takes longer than `LONG_MS`, parities go beside them
(FlexFEC), from what room the layers leave, and the plane answers only for what those do not make good. Core.
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: A round trip from which on parities are sent; below `SHORT_MS` no more.
LONG_MS: Final = 200.0
SHORT_MS: Final = 160.0
#: A link that loses so much has its losses made up for, until it has lost less for `CLEAN_US`.
LOSSY: Final = 0.005
CLEAN_US: Final = 20_000_000
#: From here on two in a row are likely within a minute, and three; and so is a NACK or its answer that is lost as well.
TWO_LOST: Final = 0.02
THREE_LOST: Final = 0.1
#: Parities for each packet that is lost; and what makes sense at all, what comes first, and most, in percent.
PARITIES_A_LOSS: Final = 10
LEAST_PERCENT: Final = 5
FIRST_PERCENT: Final = 10
MOST_PERCENT: Final = 50
_STEP_PERCENT: Final = 5
#: What an answer takes beside the round trip: until a loss is seen, and until it is its turn.
BESIDE_MS: Final = 100.0
MOST_WAIT_MS: Final = 1_000
_STEP_MS: Final = 100


class Repair(NamedTuple):
    """Former sounds in each packet of sound, parities for a hundred packets of pictures, and for how long a viewer that
    only watches keeps pictures before it shows them, so that what is asked for again comes in time.
    """

    redundancy: int
    percent: int
    wait_ms: int


NOTHING: Final = Repair(0, 0, 0)


class Room(NamedTuple):
    """Bits/s of all sounds sent once, of the pictures, and what the link has left beside both and sound sent again."""

    sound: int
    pictures: int
    spare: int


class Repairing:
    """One link's choice."""

    def __init__(self) -> None:
        self._lossy_us: int | None = None
        self._is_long = False
        self._wait_ms = 0

    def choose(self, now_us: int, rtt_ms: float, loss: float, room: Room) -> Repair:
        """Return what is right now; to be asked about once a second.

        `loss` is the share that is lost over some seconds (`losses`). Sound that gets lost is sent twice whatever the
        room; pictures that wait long for an answer have a few parities before sound is sent a third time.
        """
        self._is_long = rtt_ms >= (SHORT_MS if self._is_long else LONG_MS)
        if loss >= LOSSY:
            self._lossy_us = now_us
        if self._lossy_us is None or now_us - self._lossy_us >= CLEAN_US:
            self._lossy_us = None
            self._wait_ms = 0
            return NOTHING
        more = 2 if loss >= THREE_LOST else 1 if loss >= TWO_LOST or self._is_long else 0
        spare = max(room.spare, 0)
        first = _percent(loss, min(spare, room.pictures * FIRST_PERCENT // 100), room.pictures) if self._is_long else 0
        more = min(more, (spare - first * room.pictures // 100) // max(room.sound, 1))
        percent = _percent(loss, spare - more * room.sound, room.pictures) if self._is_long else 0
        # Where an answer takes no time it is a second one that comes late.
        if self._is_long or loss >= TWO_LOST:
            wait_ms = -(-int(rtt_ms + BESIDE_MS) // _STEP_MS) * _STEP_MS
            self._wait_ms = min(max(self._wait_ms, wait_ms), MOST_WAIT_MS)
        return Repair(1 + more, percent, self._wait_ms)


def _percent(loss: float, spare: int, pictures: int) -> int:
    wanted = min(max(100 * PARITIES_A_LOSS * loss, LEAST_PERCENT), MOST_PERCENT)
    percent = int(min(wanted, 100 * spare / max(pictures, 1))) // _STEP_PERCENT * _STEP_PERCENT
    return percent if percent >= LEAST_PERCENT else 0
