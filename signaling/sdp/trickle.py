"""application/trickle-ice-sdpfrag (RFC 8840), which WHIP and WHEP send by PATCH: late candidates and ICE
restarts.

A fragment is a piece of a description, so the parser of `parse` reads it, without v= and with its own smaller
bounds. Credentials stand at session level (RFC 9725 section 4.3.2) or, from some senders, in the media lines.
Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from signaling.sdp.errors import SdpMalformed
from signaling.sdp.model import Candidate
from signaling.sdp.parse import parse_sections
from signaling.sdp.write import join, write_candidate

MAX_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class TrickleMedia:
    """A media line of a fragment: its mid, candidates, and whether it says that no more will come."""

    mid: str | None
    kind: str = "audio"
    profile: str = "UDP/TLS/RTP/SAVPF"
    formats: tuple[str, ...] = ("0",)
    candidates: tuple[Candidate, ...] = ()
    end_of_candidates: bool = False


@dataclass(frozen=True, slots=True)
class TrickleFragment:
    """A fragment. New `ice_ufrag` and `ice_pwd` mean an ICE restart; the session's own ones name the
    generation that
    the candidates belong to. `end_of_candidates` is the session-level one. `ice_lite` stands in a server's
    answer.
    """

    ice_ufrag: str | None = None
    ice_pwd: str | None = None
    ice_options: tuple[str, ...] = ()
    ice_lite: bool = False
    bundle: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    end_of_candidates: bool = False
    media: tuple[TrickleMedia, ...] = ()

    @property
    def all_candidates(self) -> tuple[Candidate, ...]:
        """Of every line: in a bundle they all belong to the one transport."""
        return (*self.candidates, *(candidate for line in self.media for candidate in line.candidates))

    @property
    def complete(self) -> bool:
        """Whether the sender has no more candidates."""
        return self.end_of_candidates or any(line.end_of_candidates for line in self.media)


def parse_fragment(data: bytes | str, *, max_bytes: int = MAX_BYTES) -> TrickleFragment:
    """Read a fragment.

    Raises:
        SdpMalformed: nothing of ICE is in it, or only one of ufrag and password, or lines that differ in
        them. SdpTooLarge: it breaks a bound of the parser or `max_bytes`.
    """
    description = parse_sections(data, max_bytes=max_bytes, fragment=True)
    levels = (description, *description.media)
    credentials = {(item.ice_ufrag, item.ice_pwd) for item in levels if item.ice_ufrag or item.ice_pwd}
    if len(credentials) > 1:
        raise SdpMalformed(0, "the fragment has ICE credentials of several transports")
    ufrag, pwd = credentials.pop() if credentials else (None, None)
    if (ufrag is None) != (pwd is None):
        raise SdpMalformed(0, "one of a=ice-ufrag and a=ice-pwd is missing")
    fragment = TrickleFragment(
        ice_ufrag=ufrag,
        ice_pwd=pwd,
        ice_options=next((item.ice_options for item in levels if item.ice_options), ()),
        ice_lite=any(item.ice_lite for item in levels),
        bundle=description.bundle or (),
        candidates=tuple(description.candidates),
        end_of_candidates=description.end_of_candidates,
        media=tuple(
            TrickleMedia(
                mid=media.mid,
                kind=media.kind,
                profile=media.profile,
                formats=tuple(media.formats),
                candidates=tuple(media.candidates),
                end_of_candidates=media.end_of_candidates,
            )
            for media in description.media
        ),
    )
    if fragment.ice_ufrag is None and not fragment.all_candidates and not fragment.complete:
        raise SdpMalformed(0, "the fragment has neither ICE credentials nor candidates")
    return fragment


def write_fragment(fragment: TrickleFragment) -> str:
    """The fragment as text with CRLF, credentials at session level."""
    return join(_lines(fragment))


def _lines(fragment: TrickleFragment) -> Iterator[str]:
    if fragment.ice_lite:
        yield "a=ice-lite"
    if fragment.ice_options:
        yield "a=ice-options:" + " ".join(fragment.ice_options)
    if fragment.bundle:
        yield "a=group:BUNDLE " + " ".join(fragment.bundle)
    if fragment.ice_ufrag is not None and fragment.ice_pwd is not None:
        yield f"a=ice-ufrag:{fragment.ice_ufrag}"
        yield f"a=ice-pwd:{fragment.ice_pwd}"
    yield from _candidates(fragment.candidates, fragment.end_of_candidates)
    for media in fragment.media:
        yield "m=" + " ".join((media.kind, "9", media.profile, *media.formats))
        if media.mid is not None:
            yield f"a=mid:{media.mid}"
        yield from _candidates(media.candidates, media.end_of_candidates)


def _candidates(candidates: tuple[Candidate, ...], end: bool) -> Iterator[str]:
    yield from ("a=candidate:" + write_candidate(candidate) for candidate in candidates)
    if end:
        yield "a=end-of-candidates"
