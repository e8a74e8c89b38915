"""How often somebody may try to sign in: waits that grow with the failures, of a login, an address, and both together.

An attempt is charged before its password is checked, or a thousand at once would all be free, and given back when it
succeeds. A login's own limit is mild, because strangers could keep its owner out; where the owner has signed in before,
only failures from there count. Core: `now` is monotonic seconds; memory is bounded, the longest untouched is forgotten.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

#: Failures are forgotten when none came for so long.
FORGET_S = 3600.0
#: Of each of the three, and of the places where somebody has signed in before.
MAX_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Limit:
    """So many failures without a wait, then `first_s`, doubled with each, up to `most_s`."""

    free: int
    first_s: float
    most_s: float


#: One login from one address: somebody who has forgotten a password, or guesses.
OF_BOTH = Limit(5, 2.0, 900.0)
#: One login from anywhere.
OF_LOGIN = Limit(20, 1.0, 60.0)
#: Any login from one address, behind which a whole office may sit.
OF_ADDRESS = Limit(50, 1.0, 300.0)


@dataclass(slots=True)
class _Failures:
    count: int
    last_s: float


class Tally:
    """Failures by key, under one limit."""

    def __init__(self, limit: Limit, most: int) -> None:
        self._limit = limit
        self._most = most
        self._kept: OrderedDict[str, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def wait(self, key: str, now: float) -> float:
        """Return the seconds until the next attempt, 0 for at once."""
        failures = self._kept.get(key)
        if failures is None or now - failures.last_s >= FORGET_S:
            return 0.0
        over = failures.count - self._limit.free
        if over < 0:
            return 0.0
        delay = min(self._limit.most_s, self._limit.first_s * 2.0 ** min(over, 30))
        return max(0.0, failures.last_s + delay - now)

    def charge(self, key: str, now: float) -> None:
        """Count a failure."""
        failures = self._kept.get(key)
        if failures is None or now - failures.last_s >= FORGET_S:
            failures = self._kept[key] = _Failures(0, now)
        failures.count += 1
        failures.last_s = now
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def give_back(self, key: str) -> None:
        """Take one failure back."""
        failures = self._kept.get(key)
        if failures is not None:
            failures.count -= 1
            if failures.count <= 0:
                del self._kept[key]

    def clear(self, key: str) -> None:
        """Forget a key's failures."""
        self._kept.pop(key, None)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of an attempt: it may be made, or not for `wait_s`. The rest is for `Attempts.succeeded`."""

    wait_s: float
    name: str
    network: str
    is_strange: bool


class Attempts:
    """All limits of the node."""

    def __init__(self, most: int = MAX_KEPT) -> None:
        self._most = most
        self._both = Tally(OF_BOTH, most)
        self._login = Tally(OF_LOGIN, most)
        self._address = Tally(OF_ADDRESS, most)
        self._known: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._both) + len(self._login) + len(self._address) + len(self._known)

    def admit(self, login: str, address: str, now: float) -> Attempt:
        """Charge an attempt, or say how long to wait. Call `succeeded` or `withdraw` with it when it did not fail."""
        name, network = _short(login), network_of(address)
        both = f"{name} {network}"
        is_strange = both not in self._known
        wait = self._both.wait(both, now)
        if is_strange:
            wait = max(wait, self._login.wait(name, now), self._address.wait(network, now))
        if wait <= 0:
            self._both.charge(both, now)
            if is_strange:
                self._login.charge(name, now)
                self._address.charge(network, now)
        return Attempt(wait, name, network, is_strange)

    def withdraw(self, attempt: Attempt) -> None:
        """Give back what was charged: the node could not tell whether the attempt was right."""
        assert not attempt.wait_s, "it was not admitted"
        self._both.give_back(f"{attempt.name} {attempt.network}")
        if attempt.is_strange:
            self._login.give_back(attempt.name)
            self._address.give_back(attempt.network)

    def succeeded(self, attempt: Attempt) -> None:
        """Give back what was charged, forget the failures before it, and know the login at this address."""
        self.withdraw(attempt)
        both = f"{attempt.name} {attempt.network}"
        self._both.clear(both)
        self._known[both] = None
        self._known.move_to_end(both)
        if len(self._known) > self._most:
            self._known.popitem(last=False)


def network_of(address: str) -> str:
    """Return what one subscriber holds: an IPv4 address, the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(parsed) >> 64 << 64))


def _short(login: str) -> str:
    # A name may be long, and what was typed there may have been the password.
    return hashlib.sha256(login.encode("utf-8", "surrogatepass")).hexdigest()[:32]
