"""What is known of a viewer's link when it is decided what to send there. Data, read from the plane."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from media.allocation.allocator import START_BITS
from media.allocation.losses import Losses
from media.plane.transport import PlaneTransport
from signaling.webrtc.taking import Taking

#: Carried by a link of which nothing is told.
_UNTOLD_BITS: Final = 50_000_000
#: More is not taken for loss that repairs make good.
_MOST_LOSS: Final = 0.25


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """Rates in bits/s, `bps` None where nothing is told. `room` is what may be planned with; before the link was found
    full, no more than was tried. `loss` is evened out. `drains`: less is sent for now, so that its queue goes.
    """

    bps: int | None
    settled_bps: int
    room: int
    train_bps: int
    queue_ms: float
    loss: float
    rtt_ms: float
    was_full: bool
    drains: bool = False


def link_facts(now_us: int, transport: PlaneTransport, taken: Iterable[Taking], losses: Losses) -> LinkFacts:
    """Read what the plane knows: from transport-wide feedback, or from receiver reports where there is none.

    `losses` are this link's of before.
    """
    told = transport.estimate
    if told is None:
        bits = START_BITS if transport.is_estimated else _UNTOLD_BITS
        reports = [item.route.stats() for item in taken] if not transport.is_estimated else []
        loss = losses.note(now_us, max((report["remote_fraction_lost"] for report in reports), default=0.0))
        rtt_ms = max((report["rtt_ms"] for report in reports), default=0.0)
        return LinkFacts(None, bits, bits, 0, 0.0, loss, rtt_ms, was_full=False)
    loss = losses.note(now_us, min(told["loss"], _MOST_LOSS))
    # What is lost is sent again, and takes room again.
    room = int(told["settled_bps"] * (1.0 - loss))
    return LinkFacts(
        told["bps"],
        told["settled_bps"],
        room,
        told["train_bps"],
        told["queue_ms"],
        loss,
        told["rtt_ms"],
        told["was_full"],
        transport.drains,
    )
