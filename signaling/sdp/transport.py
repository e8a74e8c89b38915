"""The transport half of an offer or answer: ICE credentials, candidates, fingerprints, DTLS roles, bundling.

Everything shares one transport here (BUNDLE with rtcp-mux), so these values are read from the line that
carries the bundle's transport and written to every accepted line. Pure functions; raises only SdpRefused
errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from signaling.sdp.errors import (
    SdpBadSetup,
    SdpMalformed,
    SdpNoBundle,
    SdpNoFingerprint,
    SdpNoIce,
    SdpNoRtcpMux,
)
from signaling.sdp.model import (
    Candidate,
    Connection,
    Fingerprint,
    MediaDescription,
    SessionDescription,
    Setup,
)

DtlsRole = Literal["server", "client"]

MIN_UFRAG = 4  # RFC 8839 section 5.4: at least 24 bits of randomness
MIN_PWD = 22  # and 128 bits
SHA256_TEXT = 32 * 3 - 1  # characters of 32 hexadecimal pairs with colons


@dataclass(frozen=True, slots=True)
class LocalCandidate:
    """An address of ours that receives datagrams, or TCP connections that the peer opens (`tcp`, RFC 6544);
    `priority` as in RFC 8445 section 5.1.2, larger is preferred.
    """

    address: str
    port: int
    priority: int
    tcp: bool = False


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """Our side of a transport.

    `fingerprints` are of the DTLS certificate. With `ice_lite` we only answer checks (RFC 8445 section 2.5).
    The order of `candidates` is kept: some senders use only the first.
    """

    ice_ufrag: str
    ice_pwd: str
    fingerprints: tuple[Fingerprint, ...]
    candidates: tuple[LocalCandidate, ...] = ()
    ice_lite: bool = True


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """The peer's side. `fingerprints` holds at least one SHA-256; the certificate must match one of them (RFC
    8122).

    `trickle`: the peer may send more candidates later. `setup` is what it wrote, None if nothing.
    """

    ice_ufrag: str
    ice_pwd: str
    fingerprints: tuple[Fingerprint, ...]
    setup: Setup | None
    ice_lite: bool
    trickle: bool
    candidates: tuple[Candidate, ...]
    end_of_candidates: bool


def host_candidates(candidates: Sequence[LocalCandidate]) -> list[Candidate]:
    """Our addresses as host candidates; each address, and each again for TCP, is its own foundation (RFC 8445
    section 5.1.1.3). What connects to us by TCP is the peer: we are passive (RFC 6544 section 4.5).
    """
    bases = list(dict.fromkeys((item.address, item.tcp) for item in candidates))
    return [
        Candidate(
            str(bases.index((item.address, item.tcp)) + 1),
            1,
            "tcp" if item.tcp else "udp",
            item.priority,
            item.address,
            item.port,
            "host",
            tcp_type="passive" if item.tcp else None,
        )
        for item in candidates
    ]


def write_local(media: MediaDescription, local: LocalTransport, setup: Setup, *, tagged: bool) -> None:
    """Put our transport into an accepted line. Candidates stand only on the `tagged` one (RFC 8843 section
    7).
    """
    media.ice_ufrag, media.ice_pwd = local.ice_ufrag, local.ice_pwd
    media.fingerprints = list(local.fingerprints)
    media.setup = setup
    first = local.candidates[0] if local.candidates else None
    media.port = first.port if first else 9  # 9, discard: no default candidate (RFC 8839 section 4.2.1.2)
    address = first.address if first else "0.0.0.0"
    media.connection = Connection(address, "IP6" if ":" in address else "IP4")
    if tagged and local.candidates:
        media.candidates = host_candidates(local.candidates)
        media.end_of_candidates = True


def bundled(offer: SessionDescription) -> list[MediaDescription]:
    """The lines that share the one transport, the tagged one first; never empty.

    A single line needs no group: WHIP senders leave it out. Lines outside the group are for the caller to
    refuse.

    Raises:
        SdpNoBundle: several lines and no BUNDLE group that holds one of them, or no line at all.
        SdpMalformed: two lines of one mid.
    """
    active = [media for media in offer.media if not media.rejected]
    mids = [media.mid for media in offer.media if media.mid is not None]
    if len(set(mids)) != len(mids):
        raise SdpMalformed(0, "two media lines have the same mid")
    if not active:
        raise SdpNoBundle("the description has no media line in use")
    group = offer.bundle or ()
    members = sorted((media for media in active if media.mid in group), key=lambda item: group.index(item.mid or ""))
    if members:
        return members
    if len(active) == 1:
        return active
    raise SdpNoBundle("several media lines without a=group:BUNDLE; only one transport per connection is served")


def read_remote(description: SessionDescription, members: Sequence[MediaDescription]) -> RemoteTransport:
    """The peer's transport, from the first of `members` that states it, else from the session level.

    Raises:
        SdpNoIce, SdpNoFingerprint, SdpNoRtcpMux: the description lacks it.
    """
    for media in members:
        if media.kind in ("audio", "video") and not media.rtcp_mux:
            raise SdpNoRtcpMux("a media line lacks a=rtcp-mux; RTCP on a port of its own is not served")
    levels = (*members, description)
    credentials = next(((item.ice_ufrag, item.ice_pwd) for item in levels if item.ice_ufrag and item.ice_pwd), None)
    ufrag, pwd = credentials or (None, None)
    if ufrag is None or pwd is None or len(ufrag) < MIN_UFRAG or len(pwd) < MIN_PWD:
        raise SdpNoIce(f"a=ice-ufrag of {MIN_UFRAG} and a=ice-pwd of {MIN_PWD} characters or more are needed")
    fingerprints = next((tuple(item.fingerprints) for item in levels if item.fingerprints), ())
    if not any(item.algorithm == "sha-256" and len(item.value) == SHA256_TEXT for item in fingerprints):
        raise SdpNoFingerprint("a=fingerprint with a SHA-256 value is needed")
    options = {option.lower() for item in levels for option in item.ice_options}
    return RemoteTransport(
        ice_ufrag=ufrag,
        ice_pwd=pwd,
        fingerprints=fingerprints,
        setup=next((item.setup for item in levels if item.setup is not None), None),
        ice_lite=any(item.ice_lite for item in levels),
        trickle="trickle" in options,
        candidates=tuple(candidate for item in levels for candidate in item.candidates),
        end_of_candidates=any(item.end_of_candidates for item in levels),
    )


def answer_setup(remote: RemoteTransport, *, allow_client: bool) -> tuple[Setup, DtlsRole]:
    """Our a=setup and DTLS role for an offer. We are the server, which picks the SRTP profile, wherever we
    may.

    A peer that insists on being the server (FFmpeg's muxer unless told `whip_flags=dtls_active`) is taken
    only with `allow_client`. A missing a=setup counts as actpass.

    Raises:
        SdpBadSetup: no agreement (RFC 5763 section 5).
    """
    if remote.setup in (None, "actpass", "active"):
        return "passive", "server"
    if remote.setup == "passive" and allow_client:
        return "active", "client"
    raise SdpBadSetup(
        f"a=setup:{remote.setup} in the offer; actpass or active is needed"
        " (FFmpeg and PyAV: set the option whip_flags=dtls_active)"
    )


def require_checks(remote: RemoteTransport, local: LocalTransport) -> None:
    """Two ICE-lite sides would wait for each other's checks for ever (RFC 8445 section 6.1.1)."""
    if remote.ice_lite and local.ice_lite:
        raise SdpNoIce("both sides are ICE-lite: nobody would send connectivity checks")
