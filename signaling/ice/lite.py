"""The server's side of ICE: a lite agent (RFC 8445 section 2.5), one per session.

It never sends a check; it answers those of the peer, learns from them which address is the peer's, and keeps
the time of the last one as the peer's consent (RFC 7675).  Core: no sockets, no clock, no randomness.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from media.plane.names import ADDRESSES_OF_A_TRANSPORT, FarAddress
from signaling.ice import stun
from signaling.ice.types import Credentials

#: RFC 7675 section 5.1: consent expires 30 s after the last valid check.
CONSENT_SECONDS: Final = 30.0
#: A peer checks as soon as it has our answer; one that has not by then is not coming, and holds a place.
FIRST_CHECK_SECONDS: Final = 10.0
#: After an ICE restart the peer goes on checking the old pair until the new one works.
RESTART_GRACE_SECONDS: Final = 10.0
#: Addresses of one peer that are remembered as validated; the least recently used goes first.
MAX_ADDRESSES: Final = ADDRESSES_OF_A_TRANSPORT
#: Error answers per session, so that forged requests are never worth their while.
_ERROR_INTERVAL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Reply:
    """A datagram must be sent to `destination`, from the address and port the request was sent to."""

    datagram: bytes
    destination: FarAddress


@dataclass(frozen=True, slots=True)
class AddressValidated:
    """A valid check came from `address`."""

    address: FarAddress


@dataclass(frozen=True, slots=True)
class AddressForgotten:
    """`address` is no longer taken for the peer's: it proved too many others since."""

    address: FarAddress


@dataclass(frozen=True, slots=True)
class PairNominated:
    """The peer chose `address` (USE-CANDIDATE); media goes there from now on.  Told once per change."""

    address: FarAddress


Output = Reply | AddressForgotten | AddressValidated | PairNominated


@dataclass(slots=True)
class LiteCounters:
    """Datagrams that had no effect, by reason."""

    malformed: int = 0
    """Not a well-formed Binding message."""
    not_request: int = 0
    """Responses and indications: a lite agent has asked nothing."""
    unknown_user: int = 0
    """USERNAME is absent or names other ufrags than this session's."""
    bad_integrity: int = 0
    """MESSAGE-INTEGRITY is absent or wrong."""
    refused: int = 0
    """Authenticated requests that were answered with an error."""
    accepted: int = 0
    """Valid checks."""


@dataclass(slots=True)
class _Login:
    """One pair of local and remote credentials, as the USERNAMEs and keys that follow from it."""

    prefix: bytes
    username: bytes | None
    key: bytes
    valid_until: float = field(default=float("inf"))


def _login(local: Credentials, remote: Credentials | None) -> _Login:
    prefix = local.ufrag.encode() + b":"
    username = None if remote is None else prefix + remote.ufrag.encode()
    return _Login(prefix, username, local.password.encode())


class IceLite:
    """A lite agent's session state.

    `receive` returns what follows from one datagram; nothing else ever happens, so there is no timer: the
    caller expires the session when `now` passes `consent_until`.
    """

    def __init__(self, local: Credentials, remote: Credentials | None, now: float) -> None:
        """Start; `remote` None accepts any remote ufrag (peers that check before their SDP arrived).

        Consent runs from `now`, so a peer that never comes expires too.
        """
        self.local = local
        self.counters = LiteCounters()
        self.nominated: FarAddress | None = None
        self.last_check: float = now
        self._login = _login(local, remote)
        self._previous: _Login | None = None
        self._addresses: dict[FarAddress, None] = {}
        self._next_error = now

    @property
    def consent_until(self) -> float:
        """Monotonic seconds at which the peer's consent ends unless another valid check comes."""
        return self.last_check + (CONSENT_SECONDS if self.counters.accepted else FIRST_CHECK_SECONDS)

    @property
    def addresses(self) -> tuple[FarAddress, ...]:
        """Validated addresses, most recently used last (at most 8)."""
        return tuple(self._addresses)

    def restart(self, local: Credentials, remote: Credentials | None, now: float) -> None:
        """Take new credentials (RFC 8445 section 9); the present ones stay valid for a grace period.

        Addresses and nomination stay, so that media flows on until the peer nominates again.  A second
        restart within the grace period forgets the oldest credentials at once.
        """
        self._previous = self._login
        self._previous.valid_until = now + RESTART_GRACE_SECONDS
        self._login = _login(local, remote)
        self.local = local

    def receive(self, datagram: bytes, source: FarAddress, now: float) -> list[Output]:
        """Process one datagram that looks like STUN; `source` is where it came from.

        A stranger's datagram that is not a valid check is counted and never answered: an answer would tell
        port scanners of us and serve floods with a forged source.  A validated address gets RFC 8489's
        errors (400, 401), at a bounded rate, so that a peer with stale credentials learns of it.
        """
        try:
            message = stun.parse(datagram)
        except stun.StunError:
            self.counters.malformed += 1
            return []
        if message.message_type != stun.REQUEST:
            self.counters.not_request += 1
            return []
        username = message.username
        login = None if username is None else self._find_login(username, now)
        if login is None:
            self.counters.unknown_user += 1
            return self._refuse(message, 400 if username is None else 401, source, now)
        if not stun.verify_integrity(datagram, message, login.key):
            self.counters.bad_integrity += 1
            code = 401 if message.integrity_offset else 400
            return self._refuse(message, code, source, now)
        code = _verdict(message)
        if code:
            self.counters.refused += 1
            unknown = message.unknown_required
            return [Reply(stun.build_error(message.transaction_id, code, login.key, unknown), source)]
        return self._accept(message, login, source, now)

    def _find_login(self, username: bytes, now: float) -> _Login | None:
        if _matches(self._login, username):
            return self._login
        previous = self._previous
        if previous is None:
            return None
        if now >= previous.valid_until:
            self._previous = None
            return None
        return previous if _matches(previous, username) else None

    def _refuse(self, message: stun.Message, code: int, source: FarAddress, now: float) -> list[Output]:
        if source not in self._addresses or now < self._next_error:
            return []
        self._next_error = now + _ERROR_INTERVAL_SECONDS
        return [Reply(stun.build_error(message.transaction_id, code, None), source)]

    def _accept(self, message: stun.Message, login: _Login, source: FarAddress, now: float) -> list[Output]:
        self.counters.accepted += 1
        self.last_check = now
        outputs: list[Output] = [Reply(stun.build_success(message.transaction_id, source, login.key), source)]
        if source in self._addresses:
            # Re-insertion keeps the dict in order of use.
            del self._addresses[source]
        else:
            outputs += self._make_room()
        # Each time: where ordinary checks are answered elsewhere, one that comes here is not known there any more.
        outputs.append(AddressValidated(source))
        self._addresses[source] = None
        # After a restart only the new credentials may move the nomination.
        if message.use_candidate and source != self.nominated and login is self._login:
            self.nominated = source
            outputs.append(PairNominated(source))
        return outputs

    def _make_room(self) -> list[Output]:
        if len(self._addresses) < MAX_ADDRESSES:
            return []
        oldest = next(address for address in self._addresses if address != self.nominated)
        del self._addresses[oldest]
        return [AddressForgotten(oldest)]


def _matches(login: _Login, username: bytes) -> bool:
    if login.username is None:
        return username.startswith(login.prefix)
    return username == login.username


def _verdict(message: stun.Message) -> int:
    """Error code for an authenticated check, 0 when it is valid."""
    if message.unknown_required:
        return 420
    if message.controlled is not None:
        # A lite agent is always controlled (RFC 8445 section 6.1.1): the peer has to change.
        return 487
    # RFC 8445 section 7.1.1 and 7.1.3: every check carries PRIORITY and its role.  The role's absence is
    # forgiven (consent checks of older stacks), PRIORITY's is not needed by us but marks a broken peer.
    return 400 if message.priority is None else 0
