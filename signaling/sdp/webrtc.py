"""Answers to WebRTC offers: what a publisher (WHIP) may send to us, what a viewer (WHEP) gets from us, and both on one
connection, line by line.

The server only ever answers. An answer keeps the order and number of the offer's lines (RFC 3264 section 6);
lines that we do not take stay with port 0. Pure functions: identifiers, keys and SSRCs come from the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from signaling.sdp.accepted import Accepted, AcceptedMedia, SendTrack
from signaling.sdp.answer import Answer
from signaling.sdp.codecs import AUDIO_PREFERENCE, VIDEO_PREFERENCE
from signaling.sdp.errors import SdpBadDirection, SdpNoCommonCodec
from signaling.sdp.lines import MAX_LINES, Negotiation
from signaling.sdp.model import Direction, MediaDescription, SessionDescription
from signaling.sdp.transport import LocalTransport


def accept_publish(
    offer: SessionDescription,
    local: LocalTransport,
    *,
    session_id: int = 1,
    video: Sequence[str] = VIDEO_PREFERENCE,
    audio: Sequence[str] = AUDIO_PREFERENCE,
    allow_dtls_client: bool = False,
) -> Accepted:
    """Answer a publisher: each line it sends gets one codec, the first of our preference that it offers, and
    its RTX.

    Raises:
        SdpBadDirection: no line sends.
        SdpNoCommonCodec: no sending line has a codec of ours.
        SdpError: the transport cannot be agreed; see `signaling.sdp.errors`.
    """
    negotiation = Negotiation(offer, {"video": tuple(video), "audio": tuple(audio)})
    answer = Answer(offer, local, negotiation, session_id=session_id, allow_dtls_client=allow_dtls_client)
    wanted = _wanted(offer, answer, ("sendrecv", "sendonly"), "the offer sends nothing")
    for media in offer.media:
        codecs = negotiation.publisher_codecs(media) if answer.takes(media) else ()
        if not codecs:
            answer.reject(media)
        elif any(media is item for item in wanted):
            answer.receive(media, codecs)
        else:
            answer.rest(media, codecs, "recvonly")
    if not any(item.direction == "recv" for item in answer.media):
        raise SdpNoCommonCodec("no media line that sends has a codec that is relayed here")
    return answer.finish()


def accept_view(
    offer: SessionDescription,
    tracks: Sequence[SendTrack],
    local: LocalTransport,
    *,
    session_id: int = 1,
    video: Sequence[str] = VIDEO_PREFERENCE,
    audio: Sequence[str] = AUDIO_PREFERENCE,
    allow_dtls_client: bool = False,
) -> Accepted:
    """Answer a viewer: its receiving lines get the tracks of their kind in order; lines left over become
    inactive.

    Each line answers the format that fits the track's current codec first and then every other format we
    relay, so that a publisher that comes back with another codec still plays without a new offer.

    Raises:
        SdpBadDirection: no line receives.
        SdpNoCommonCodec: no line has a codec of ours, or nothing that the source sends now can be played.
        SdpError: the transport cannot be agreed; see `signaling.sdp.errors`.
    """
    negotiation = Negotiation(offer, {"video": tuple(video), "audio": tuple(audio)})
    answer = Answer(offer, local, negotiation, session_id=session_id, allow_dtls_client=allow_dtls_client)
    wanted = _wanted(offer, answer, ("sendrecv", "recvonly"), "the offer receives nothing")
    waiting = list(tracks)
    for media in offer.media:
        if not answer.takes(media):
            answer.reject(media)
            continue
        receives = any(media is item for item in wanted)
        track = next((item for item in waiting if receives and item.kind == media.kind), None)
        codecs = negotiation.viewer_codecs(media, track.codec if track else None)
        if not codecs:
            answer.reject(media)
        elif track is None:
            answer.rest(media, codecs, "sendonly")
        else:
            waiting.remove(track)
            answer.send(media, codecs, track)
    _require_playable(answer.media)
    return answer.finish()


def accept_lines(
    offer: SessionDescription,
    wanted: Mapping[str, SendTrack | None],
    local: LocalTransport,
    *,
    session_id: int = 1,
    version: int = 1,
    max_lines: int = MAX_LINES,
    video: Sequence[str] = VIDEO_PREFERENCE,
    audio: Sequence[str] = AUDIO_PREFERENCE,
) -> Accepted:
    """Answer a peer that sends and receives on one connection: `wanted` maps mids to the track that the line gets,
    or to None for one whose media we take. All other lines rest, so that they can be used again.

    Formats of a line are answered as by `accept_publish` and `accept_view`. We are always the DTLS server.

    Raises:
        SdpBadDirection: a wanted line is missing, of another kind, or points another way.
        SdpNoCommonCodec: a wanted line has no codec of ours.
        SdpError: the transport cannot be agreed; see `signaling.sdp.errors`.
    """
    negotiation = Negotiation(offer, {"video": tuple(video), "audio": tuple(audio)}, max_lines)
    answer = Answer(offer, local, negotiation, session_id=session_id, version=version, allow_dtls_client=False)
    missing = set(wanted) - {media.mid for media in offer.media if answer.takes(media)}
    if missing:
        raise SdpBadDirection(f"the offer has no line that could be taken with the mid {min(missing)!r}")
    for media in offer.media:
        if not answer.takes(media):
            answer.reject(media)
        elif media.mid is None or media.mid not in wanted:
            codecs = negotiation.viewer_codecs(media, None)
            answer.rest(media, codecs, "sendonly") if codecs else answer.reject(media)
        else:
            _answer_wanted(offer, answer, negotiation, media, wanted[media.mid])
    return answer.finish()


def _answer_wanted(
    offer: SessionDescription,
    answer: Answer,
    negotiation: Negotiation,
    media: MediaDescription,
    track: SendTrack | None,
) -> None:
    way: Direction = "sendonly" if track is None else "recvonly"
    if offer.direction_of(media) not in ("sendrecv", way) or (track is not None and track.kind != media.kind):
        raise SdpBadDirection(f"line {media.mid!r} is not the {way} line of its kind that it should be")
    codecs = negotiation.publisher_codecs(media) if track is None else negotiation.viewer_codecs(media, track.codec)
    if not codecs:
        raise SdpNoCommonCodec(f"line {media.mid!r} has no codec that is relayed here")
    if track is None:
        answer.receive(media, codecs)
    else:
        answer.send(media, codecs, track)


def _wanted(
    offer: SessionDescription,
    answer: Answer,
    directions: tuple[Direction, ...],
    reason: str,
) -> list[MediaDescription]:
    """The lines that we could take and that point the way we need."""
    lines = [media for media in offer.media if answer.takes(media)]
    if not lines:
        raise SdpNoCommonCodec("the offer has no audio or video line over DTLS-SRTP")
    found = [media for media in lines if offer.direction_of(media) in directions]
    if not found:
        raise SdpBadDirection(reason)
    return found


def _require_playable(lines: Sequence[AcceptedMedia]) -> None:
    """Refuse a viewer that could show nothing; one line of several without its codec is let through."""
    if all(item.rejected for item in lines):
        raise SdpNoCommonCodec("the offer has no media line with a codec that is relayed here")
    known = [item for item in lines if item.track is not None and item.track.codec is not None]
    if known and not any(item.current for item in known):
        names = ", ".join(item.track.codec.encoding for item in known if item.track and item.track.codec)
        raise SdpNoCommonCodec(f"the offer has no format that plays what the source sends now ({names})")
