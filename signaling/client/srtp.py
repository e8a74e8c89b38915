"""SRTP sessions of our own client from the keys of a handshake (libsrtp by pylibsrtp)."""

from __future__ import annotations

from typing import Final

from pylibsrtp import Policy, Session

from signaling.client.peer import Connected

#: Packets: recovered ones come late; libsrtp's default of 128 would drop them.
REPLAY_WINDOW: Final = 2048
#: pylibsrtp's buffer of 1,500 bytes less the longest trailer.
MAX_PACKET_BYTES: Final = 1352


def _session(connected: Connected, key_salt: bytes, direction: int) -> Session:
    policy = Policy(key=key_salt, ssrc_type=direction, srtp_profile=connected.profile.libsrtp_profile)
    policy.window_size = REPLAY_WINDOW
    return Session(policy=policy)


def open_sessions(connected: Connected) -> tuple[Session, Session]:
    """Return (sending, receiving) sessions for any number of SSRCs.

    Neither may protect two different packets with one SSRC and sequence number.
    """
    return (
        _session(connected, connected.local_key_salt, Policy.SSRC_ANY_OUTBOUND),
        _session(connected, connected.remote_key_salt, Policy.SSRC_ANY_INBOUND),
    )
