"""Whom to ask for a time stamp, of what, and when. Core: time is an argument, the way to an authority is the caller's.

Every authority is to stamp the newest checkpoint. While one cannot be reached only the newest waits for it: the roots
before are under that one (`merkle`), and a later stamp of theirs would say no more. Authorities do not wait for each
other.

A certificate ends, and its tokens with it unless a later token covers them. Each new stamp does that for all before;
where nothing new was recorded for long, `is_renewal_due` says when a checkpoint is to be stamped all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from recorder.proof.tokens import Stamp

SECOND = 1_000_000
DAY = 86_400 * SECOND
FIRST_PAUSE_US = 30 * SECOND
LONGEST_PAUSE_US = 3_600 * SECOND
ANSWER_US = 60 * SECOND
"""So long an authority may take; an order that was neither answered nor given up by then has failed."""
RENEW_BEFORE_US = 90 * DAY
RENEW_EVERY_US = DAY
"""So often at most, for an authority may go on with a certificate that ends soon."""


@dataclass(frozen=True, slots=True)
class Order:
    """Ask this authority to stamp this."""

    authority: str
    stamped: bytes
    size: int
    at: int


@dataclass(slots=True)
class _Authority:
    seen: int = -1
    """The size of the newest tree that it stamped."""
    order: Order | None = None
    failures: int = 0
    not_before: int = 0
    stamp: Stamp | None = None
    """Its newest."""
    stamped_at: int = 0
    since: int | None = None
    """When the first failure of the present row was."""


class Stamping:
    """What is known of each authority; nothing of it needs to be kept, a start asks each once more."""

    def __init__(self, authorities: Sequence[str]) -> None:
        """`authorities` by any names that the caller tells them apart by."""
        self._authorities = {name: _Authority() for name in authorities}
        self._newest: tuple[int, bytes] | None = None

    def offer(self, stamped: bytes, size: int) -> None:
        """Have the line of a checkpoint (`ledger`) stamped by everybody, instead of those before it."""
        if self._newest is None or size >= self._newest[0]:
            self._newest = size, stamped

    def due(self, now: int) -> list[Order]:
        """Give what is to be asked now; each order is to end in `succeeded` or `failed`."""
        orders = []
        for name, authority in self._authorities.items():
            if authority.order is not None and now - authority.order.at >= ANSWER_US:
                self.failed(authority.order, now)
            if self._newest is None or authority.order is not None or now < authority.not_before:
                continue
            size, stamped = self._newest
            if size > authority.seen:
                authority.order = Order(name, stamped, size, now)
                orders.append(authority.order)
        return orders

    def succeeded(self, order: Order, stamp: Stamp, now: int) -> None:
        """Take the checked answer to an order, late ones too."""
        authority = self._authorities[order.authority]
        if order.size > authority.seen:
            authority.seen, authority.stamp, authority.stamped_at = order.size, stamp, now
        authority.failures, authority.not_before, authority.since = 0, 0, None
        if authority.order is order:
            authority.order = None

    def failed(self, order: Order, now: int) -> None:
        """Note that nothing came, or nothing that proves anything. The next try waits, twice as long each time."""
        authority = self._authorities[order.authority]
        if authority.order is not order:
            return
        authority.order = None
        pause = min(FIRST_PAUSE_US << min(authority.failures, 20), LONGEST_PAUSE_US)
        authority.failures += 1
        authority.not_before = now + pause
        authority.since = now if authority.since is None else authority.since

    def next_at(self, now: int) -> int | None:
        """Say when `due` is to be asked again at the latest, where nothing else happens; None when nothing waits."""
        if self._newest is None:
            return None
        times = [
            authority.not_before if authority.order is None else authority.order.at + ANSWER_US
            for authority in self._authorities.values()
            if authority.seen < self._newest[0]
        ]
        return max(min(times), now) if times else None

    def unreachable(self) -> dict[str, int]:
        """Give the authorities that fail, with the time since when, for an alarm."""
        return {name: each.since for name, each in self._authorities.items() if each.since is not None}

    def is_renewal_due(self, now: int) -> bool:
        """Tell whether all certificates of the newest stamps end soon: make a checkpoint then and offer it."""
        stamped = [(each.stamp.not_after, each.stamped_at) for each in self._authorities.values() if each.stamp]
        if not stamped:
            return False
        latest_end, latest_at = max(end for end, _ in stamped), max(at for _, at in stamped)
        return now >= latest_end - RENEW_BEFORE_US and now >= latest_at + RENEW_EVERY_US
