"""Credentials for a TURN server beside us, which knows nobody by name: it shares a secret with us. Core.

The server (coturn with `use-auth-secret`) lets in whoever shows a user name that begins with a time to come and the
HMAC of that name under the secret (draft-uberti-behave-turn-rest section 2.2). The secret itself never leaves the node.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec


class IceServer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Servers as an RTCPeerConnection takes them (`RTCIceServer` of WebRTC); credentials are for TURN only."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What peers are told of STUN and TURN servers: `urls` of RFC 7064 and 7065, none by default."""

    urls: Sequence[str] = ()
    secret: str = field(default="", repr=False)
    lifetime_s: int = 86_400

    @property
    def renew_s(self) -> float:
        """After so long whoever stays is to be given others: a restart of ICE may come just before they end."""
        return self.lifetime_s / 2

    def servers(self, who: str, now: float) -> tuple[IceServer, ...]:
        """Return the servers with credentials of `who`'s, which is told to the TURN server; `now` is UTC in seconds."""
        open_ones = tuple(url for url in self.urls if url.startswith("stun"))
        closed_ones = tuple(url for url in self.urls if url.startswith("turn"))
        found = [IceServer(open_ones)] if open_ones else []
        if closed_ones:
            username = f"{int(now) + self.lifetime_s}:{who}"
            proof = hmac.digest(self.secret.encode(), username.encode(), "sha1")
            found.append(IceServer(closed_ones, username, b64encode(proof).decode()))
        return tuple(found)


NO_TURN = Turn()
