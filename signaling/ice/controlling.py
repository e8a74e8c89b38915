"""ICE of our own client (RFC 8445): one local base, several remote candidates, usually an ICE-lite server.

It checks every given candidate until one answers, takes that one, and then keeps asking for consent
(RFC 7675).  A full remote agent is served too: its checks are answered and a role conflict is resolved.
Core: no sockets and no clock; randomness only for transaction ids and the tie-breaker.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from signaling.ice import stun
from signaling.ice.types import Address, Credentials

#: RFC 8445 section 14.2: at most one new check in Ta.
PACING_SECONDS: Final = 0.05
#: RFC 8489 section 6.2.1: first retransmission timeout, doubled for every retransmission.
INITIAL_RTO_SECONDS: Final = 0.5
#: The doubling ends here, so that a lossy link gets 8 requests before LOST_SECONDS (uncapped: 5).
MAX_RTO_SECONDS: Final = 2.0
CONSENT_INTERVAL_SECONDS: Final = 2.5
#: While a consent check is unanswered the next comes sooner, so that loss alone seldom ends a session.
_CONSENT_RETRY_SECONDS: Final = 1.0
#: No answer for so long: the pair is lost.
LOST_SECONDS: Final = 15.0
MAX_CANDIDATES: Final = 32
_MAX_OUTSTANDING_CONSENTS: Final = 16
#: RFC 8445 section 5.1.2.1: peer-reflexive type preference 110, local preference 65535, component 1.
CHECK_PRIORITY: Final = (110 << 24) | (65535 << 8) | 255


@dataclass(frozen=True, slots=True)
class PairSelected:
    """The peer answers at `address`: send everything there from now on (told again after a restart)."""

    address: Address
    round_trip_seconds: float


@dataclass(frozen=True, slots=True)
class ConnectivityLost:
    """No candidate answered within 15 s, or the selected one stopped answering; the core is at rest."""

    was_connected: bool


Event = PairSelected | ConnectivityLost


@dataclass(slots=True)
class _Check:
    """The transaction of one candidate that is not yet known to work."""

    address: Address
    transaction_id: bytes
    due: float
    """Monotonic seconds of the next request."""
    rto: float = INITIAL_RTO_SECONDS
    first_sent: float | None = None


class ControllingIce:
    """Our agent's state.  Mutate once (`start`, `receive`, `handle_timer`, `restart`), then drain fully
    (`datagrams_to_send`, `next_event`) and arm the timer anew (`get_timer`).
    """

    def __init__(
        self,
        local: Credentials,
        remote: Credentials,
        candidates: Sequence[Address],
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Set up; `candidates` in order of preference (those beyond 32 are ignored)."""
        self.selected: Address | None = None
        self.controlling = True
        self.tie_breaker = int.from_bytes(random_bytes(8), "big")
        self.dropped = 0
        """Datagrams without effect: malformed, unasked, forged."""
        self._random_bytes = random_bytes
        self._local = local
        self._remote = remote
        self._candidates = tuple(dict.fromkeys(candidates))[:MAX_CANDIDATES]
        self._checks: dict[bytes, _Check] = {}
        self._consents: dict[bytes, float] = {}
        self._next_paced = 0.0
        self._next_consent: float | None = None
        self._nominating = False
        """Whether the peer has not yet answered a check that nominates."""
        self._last_answer: float | None = None
        self._datagrams: deque[tuple[bytes, Address]] = deque()
        self._events: deque[Event] = deque()

    @property
    def last_answer(self) -> float | None:
        """Monotonic seconds of the last authenticated answer (of `start` before the first), None at rest."""
        return self._last_answer

    def start(self, now: float) -> None:
        """Begin to check all candidates, 50 ms apart."""
        self._checks.clear()
        self._consents.clear()
        self._last_answer = now
        self._next_paced = now
        for address in self._candidates:
            self._add_check(address, now)
        self.handle_timer(now)

    def restart(self, local: Credentials, remote: Credentials, candidates: Sequence[Address], now: float) -> None:
        """Check anew with new credentials (RFC 8445 section 9); the selected pair serves until then."""
        self._local = local
        self._remote = remote
        self._candidates = tuple(dict.fromkeys(candidates))[:MAX_CANDIDATES]
        self._next_consent = None
        self.start(now)

    def stop(self) -> None:
        """Send and expect nothing any more."""
        self._checks.clear()
        self._consents.clear()
        self._next_consent = None
        self._last_answer = None

    def get_timer(self) -> float | None:
        """Return when `handle_timer` wants to be called (monotonic seconds), None when at rest."""
        if self._last_answer is None:
            return None
        timer = self._last_answer + LOST_SECONDS
        if self._checks:
            timer = min(timer, max(self._next_paced, min(check.due for check in self._checks.values())))
        if self._next_consent is not None:
            timer = min(timer, self._next_consent)
        return timer

    def handle_timer(self, now: float) -> None:
        """Do what is due: checks, retransmissions, consent, giving up.  Early or late calls do no harm."""
        if self._last_answer is None:
            return
        if now >= self._last_answer + LOST_SECONDS:
            was_connected = self.selected is not None
            self.stop()
            self._events.append(ConnectivityLost(was_connected))
            return
        if self._checks and now >= self._next_paced:
            self._send_due_check(now)
        if self._next_consent is not None and now >= self._next_consent:
            self._send_consent_check(now)

    def receive(self, datagram: bytes, source: Address, now: float) -> None:
        """Process one datagram that looks like STUN; anything invalid or unasked is counted and dropped."""
        try:
            message = stun.parse(datagram)
        except stun.StunError:
            self.dropped += 1
            return
        if self._last_answer is None:
            self.dropped += 1
        elif message.message_type == stun.REQUEST:
            self._receive_request(datagram, message, source, now)
        elif message.message_type == stun.SUCCESS:
            self._receive_success(datagram, message, source, now)
        elif message.message_type == stun.ERROR:
            self._receive_error(datagram, message, source, now)
        else:
            self.dropped += 1

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        """Return and forget what has to be sent, with destinations."""
        datagrams = list(self._datagrams)
        self._datagrams.clear()
        return datagrams

    def next_event(self) -> Event | None:
        """Return and forget the oldest event, None when there is none."""
        return self._events.popleft() if self._events else None

    # What we ask.

    def _add_check(self, address: Address, due: float) -> None:
        transaction_id = self._random_bytes(12)
        self._checks[transaction_id] = _Check(address, transaction_id, due)

    def _request(self, transaction_id: bytes, address: Address) -> None:
        # A single candidate is nominated at once, which saves a round trip.  Of several only the selected one
        # is, or the peer might send from another address of its own than the one we listen to.
        datagram = stun.build_request(
            transaction_id,
            username=f"{self._remote.ufrag}:{self._local.ufrag}".encode(),
            key=self._remote.password.encode(),
            priority=CHECK_PRIORITY,
            tie_breaker=self.tie_breaker,
            controlling=self.controlling,
            use_candidate=self.controlling and (address == self.selected or len(self._candidates) == 1),
        )
        self._datagrams.append((datagram, address))

    def _send_due_check(self, now: float) -> None:
        check = min(self._checks.values(), key=lambda check: check.due)
        if now < check.due:
            return
        self._next_paced = now + PACING_SECONDS
        if check.first_sent is None:
            check.first_sent = now
        check.due = now + check.rto
        check.rto = min(2 * check.rto, MAX_RTO_SECONDS)
        self._request(check.transaction_id, check.address)

    def _send_consent_check(self, now: float) -> None:
        assert self.selected is not None
        transaction_id = self._random_bytes(12)
        interval = CONSENT_INTERVAL_SECONDS
        if self._nominating:
            interval = INITIAL_RTO_SECONDS
        elif self._consents:
            interval = _CONSENT_RETRY_SECONDS
        if len(self._consents) >= _MAX_OUTSTANDING_CONSENTS:
            del self._consents[next(iter(self._consents))]
        self._consents[transaction_id] = now
        # RFC 7675 section 5.1: 0.8 to 1.2 of the interval, so that many clients do not beat together.
        spread = 0.8 + 0.4 * self._random_bytes(1)[0] / 255
        self._next_consent = now + spread * interval
        self._request(transaction_id, self.selected)

    # What the peer says.

    def _receive_success(self, datagram: bytes, message: stun.Message, source: Address, now: float) -> None:
        transaction_id = message.transaction_id
        check = self._checks.get(transaction_id)
        expected = check.address if check is not None else self.selected
        # RFC 8445 section 7.2.5.2.1: the answer must come from where the question went.
        if (
            (check is None and transaction_id not in self._consents)
            or source != expected
            or not stun.verify_integrity(datagram, message, self._remote.password.encode())
        ):
            self.dropped += 1
            return
        self._last_answer = now
        if check is None:
            self._nominating = False
            self._consents.clear()
            self._next_consent = max(now + 0.8 * CONSENT_INTERVAL_SECONDS, self._next_consent or now)
        elif self.controlling:
            assert check.first_sent is not None
            self._select(check.address, now - check.first_sent, now)
        # In the controlled role the pair works, but the peer chooses: keep its check for the nomination.

    def _select(self, address: Address, round_trip_seconds: float, now: float) -> None:
        self._checks.clear()
        self._consents.clear()
        self.selected = address
        self._last_answer = now
        self._nominating = self.controlling and len(self._candidates) > 1
        self._next_consent = now if self._nominating else now + CONSENT_INTERVAL_SECONDS
        self._events.append(PairSelected(address, round_trip_seconds))
        self.handle_timer(now)

    def _receive_error(self, datagram: bytes, message: stun.Message, source: Address, now: float) -> None:
        check = self._checks.get(message.transaction_id)
        if (
            message.error_code != 487
            or (check is None and message.transaction_id not in self._consents)
            or source != (check.address if check is not None else self.selected)
            or not stun.verify_integrity(datagram, message, self._remote.password.encode())
        ):
            # 400 and 401 come without integrity: anybody could have sent them, so time decides instead.
            self.dropped += 1
            return
        # RFC 8445 section 7.2.5.1: change role, new tie-breaker not needed, ask again.
        self.controlling = not self.controlling
        if check is not None:
            del self._checks[check.transaction_id]
            self._add_check(check.address, now)
            self.handle_timer(now)

    def _receive_request(self, datagram: bytes, message: stun.Message, source: Address, now: float) -> None:
        username = f"{self._local.ufrag}:{self._remote.ufrag}".encode()
        key = self._local.password.encode()
        if message.username != username or not stun.verify_integrity(datagram, message, key):
            self.dropped += 1
            return
        code = self._verdict(message)
        if code:
            reply = stun.build_error(message.transaction_id, code, key, message.unknown_required)
            self._datagrams.append((reply, source))
            return
        self._datagrams.append((stun.build_success(message.transaction_id, source, key), source))
        if not self.controlling and message.use_candidate and source != self.selected:
            self._select(source, 0.0, now)

    def _verdict(self, message: stun.Message) -> int:
        """Error code for an authenticated check, 0 when valid; may change our role (RFC 8445 7.3.1.1)."""
        if message.unknown_required:
            return 420
        if message.priority is None:
            return 400
        if self.controlling and message.controlling is not None:
            if self.tie_breaker >= message.controlling:
                return 487
            self.controlling = False
        elif not self.controlling and message.controlled is not None:
            if self.tie_breaker < message.controlled:
                return 487
            self.controlling = True
        return 0
