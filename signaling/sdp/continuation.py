"""What the offers of one session bind each other to (RFC 3264 section 8, RFC 8829 section 5.2.2).

A line keeps its place and mid, a payload type and an extension id their meaning, the peer its certificate. Whoever
changes one of these in mid-session would have packets read as what they are not, and is refused. Pure values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from signaling.sdp import attributes as read
from signaling.sdp.accepted import Accepted
from signaling.sdp.errors import SdpBadReoffer
from signaling.sdp.model import Codec, SessionDescription
from signaling.sdp.transport import RemoteTransport

_LARGEST_VERSION = 2**64 - 1  # RFC 8829 section 5.2.1 keeps below it

_Format = tuple[str, int, int, str]
"""Encoding, clock rate, channels, and what it repairs; other parameters may change (RFC 3264 section 8.3.2)."""


@dataclass(frozen=True, slots=True)
class AgreedLine:
    """One line; a rejected one's place may be taken by any other."""

    mid: str | None
    kind: str
    rejected: bool


@dataclass(frozen=True, slots=True)
class Agreed:
    """What holds after an offer and its answer. `extensions` maps ids to URIs, `formats` payload types."""

    origin: str
    version: int | None
    lines: tuple[AgreedLine, ...]
    extensions: Mapping[int, str]
    formats: Mapping[int, _Format]
    remote: RemoteTransport


def agree(offer: SessionDescription, accepted: Accepted, before: Agreed | None) -> Agreed:
    """Return what holds when this answer is given.

    Raises SdpBadReoffer when the offer breaks what held before.
    """
    if before is not None:
        _require_newer(offer, before)
        _require_lines(offer, before)
        _require_meanings(offer, before)
        _require_peer(accepted.remote, before.remote)
    extensions = dict(before.extensions) if before else {}
    formats = dict(before.formats) if before else {}
    for line in accepted.media:
        extensions.update({number: uri for uri, number in line.extensions.items()})
    for media, line in zip(accepted.answer.media, accepted.media, strict=True):
        if not line.rejected:
            formats.update({codec.payload_type: _format(codec) for codec in media.codecs})
    return Agreed(
        origin=offer.origin.session_id,
        version=read.number(offer.origin.version, _LARGEST_VERSION),
        lines=tuple(AgreedLine(line.mid, line.kind, line.rejected) for line in accepted.media),
        extensions=extensions,
        formats=formats,
        remote=accepted.remote,
    )


def restarts_ice(remote: RemoteTransport, before: Agreed) -> bool:
    """Whether the peer has new ICE credentials."""
    return remote.ice_ufrag != before.remote.ice_ufrag


def _format(codec: Codec) -> _Format:
    return codec.encoding, codec.clock_rate, codec.channels, codec.fmtp.get("apt", "")


def _require_newer(offer: SessionDescription, before: Agreed) -> None:
    """An offer that was overtaken on its way would undo the newer one; the same one again is harmless."""
    version = read.number(offer.origin.version, _LARGEST_VERSION)
    if offer.origin.session_id == before.origin and None not in (version, before.version):
        assert version is not None and before.version is not None
        if version < before.version:
            raise SdpBadReoffer(f"version {version} of the offer comes after version {before.version}")


def _require_lines(offer: SessionDescription, before: Agreed) -> None:
    if len(offer.media) < len(before.lines):
        raise SdpBadReoffer(f"{len(offer.media)} media lines, there were {len(before.lines)}")
    for place, (media, line) in enumerate(zip(offer.media, before.lines, strict=False)):
        if not line.rejected and (media.mid, media.kind) != (line.mid, line.kind):
            raise SdpBadReoffer(f"media line {place} was {line.kind} {line.mid!r}, now {media.kind} {media.mid!r}")


def _require_meanings(offer: SessionDescription, before: Agreed) -> None:
    numbers = {uri: number for number, uri in before.extensions.items()}
    for section in (offer, *offer.media):
        for item in section.extensions:
            if before.extensions.get(item.id, item.uri) != item.uri or numbers.get(item.uri, item.id) != item.id:
                raise SdpBadReoffer(f"extension id {item.id} or {item.uri} has another meaning than before")
    for media in offer.media:
        for codec in media.codecs:
            if before.formats.get(codec.payload_type, _format(codec)) != _format(codec):
                raise SdpBadReoffer(f"payload type {codec.payload_type} has another meaning than before")


def _require_peer(remote: RemoteTransport, before: RemoteTransport) -> None:
    if set(remote.fingerprints) != set(before.fingerprints):
        raise SdpBadReoffer("the certificate's fingerprint is another than before")
    # RFC 8839 section 4.4.1.1.1: a restart changes both.
    if (remote.ice_ufrag == before.ice_ufrag) is not (remote.ice_pwd == before.ice_pwd):
        raise SdpBadReoffer("only one of ICE ufrag and password is another than before")
