"""From where a request comes when a proxy of ours brings it: `X-Forwarded-For`, read from its right end. Core.

Each proxy adds, at the end, whom it was asked by. So only what trusted proxies have written is believed, and nothing
that a client may have put in front of it; what comes from anybody else is not looked at.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

HEADER: Final = "X-Forwarded-For"
#: Proxies one behind another; what stands further left is not looked at.
MAX_PROXIES: Final = 8

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_of(peer: str, headers: Iterable[str], trusted: Sequence[Network]) -> str:
    """Return the first address, from the peer on, that is no trusted proxy's; the last proxy's where it says none.

    `headers` are the values of all headers of that name, in their order. IPv4 is given plainly.
    """
    address = _parsed(peer)
    if address is None:
        return peer
    hops = [hop for value in headers for hop in value.split(",")] if trusted else []
    for hop in reversed(hops[-MAX_PROXIES:]):
        before = _parsed(hop) if _is_in(address, trusted) else None
        if before is None:
            break
        address = before
    return str(address)


def _is_in(address: _Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _parsed(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
