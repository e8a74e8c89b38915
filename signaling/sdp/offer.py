"""The offering side, for our own client: offers for publishing and viewing, and reading the server's answer.

Pure functions; identifiers, keys and SSRCs come from the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from signaling.sdp import extensions as ext
from signaling.sdp.accepted import Accepted, AcceptedCodec, AcceptedMedia, MediaDirection
from signaling.sdp.codecs import AUDIO_PREFERENCE, VIDEO_PREFERENCE, rtx_formats
from signaling.sdp.errors import SdpBadSetup, SdpMalformed
from signaling.sdp.lines import offered_ssrcs
from signaling.sdp.model import (
    Codec,
    Extension,
    Group,
    MediaDescription,
    Origin,
    Rid,
    SessionDescription,
    Simulcast,
    SimulcastRid,
    SsrcAttribute,
    SsrcGroup,
)
from signaling.sdp.repair import FLEXFEC, RED, offered_repairs, our_repairs
from signaling.sdp.transport import DtlsRole, LocalTransport, bundled, read_remote, write_local

Kind = Literal["audio", "video"]

EXTENSION_IDS: dict[str, int] = {uri: index for index, uri in enumerate(ext.ACCEPTED, 1)}
"""The ids of our own offers: one meaning over the whole bundle, all within one-byte headers."""

PUBLISHED_EXTENSIONS: dict[str, tuple[str, ...]] = {
    "audio": (ext.MID, ext.AUDIO_LEVEL, ext.TRANSPORT_CC, ext.ABS_SEND_TIME, ext.ABS_CAPTURE_TIME),
    "video": (ext.MID, ext.TRANSPORT_CC, ext.ABS_SEND_TIME, ext.ABS_CAPTURE_TIME, ext.VIDEO_ORIENTATION),
}
VIEWED_EXTENSIONS: dict[str, tuple[str, ...]] = {
    "audio": PUBLISHED_EXTENSIONS["audio"],
    "video": (*PUBLISHED_EXTENSIONS["video"], ext.PLAYOUT_DELAY),
}

_VIDEO_FEEDBACK = (("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("transport-cc", ""))
_AUDIO_FEEDBACK = (("transport-cc", ""),)


def _h264(profile_level_id: str) -> dict[str, str]:
    return {"level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": profile_level_id}


_FORMATS: dict[str, tuple[tuple[int, dict[str, str]], ...]] = {
    "H264": ((102, _h264("42e01f")), (104, _h264("42001f")), (106, _h264("4d001f")), (108, _h264("64001f"))),
    "VP8": ((96, {}),),
    "VP9": ((98, {"profile-id": "0"}),),
    "AV1": ((100, {"profile": "0"}),),
    "H265": ((45, {}),),
    "opus": ((111, {"minptime": "10", "useinbandfec": "1"}),),
    "G722": ((9, {}),),
    "PCMU": ((0, {}),),
    "PCMA": ((8, {}),),
}


@dataclass(frozen=True, slots=True)
class PublishTrack:
    """A track to publish. With `rids` it is simulcast, layers in that order, and announces no SSRC; else
    `ssrc` is needed.

    `codecs` are formats of `offer_codecs`, the preferred first, without RTX (which is paired by itself for
    video).
    """

    kind: Kind
    codecs: tuple[Codec, ...]
    stream_id: str
    track_id: str
    cname: str
    ssrc: int | None = None
    rtx_ssrc: int | None = None
    rids: tuple[str, ...] = ()


def offer_codecs(kind: Kind, encodings: Sequence[str] | None = None, *, profiles: int = 1) -> tuple[Codec, ...]:
    """Our formats of a kind in the given order (default: our preference, H.264 and Opus first).

    `profiles` is how many H.264 profiles to offer: Constrained Baseline, Baseline, Main, High.
    """
    if encodings is None:
        encodings = VIDEO_PREFERENCE if kind == "video" else AUDIO_PREFERENCE
    codecs = []
    for encoding in encodings:
        for payload_type, fmtp in _FORMATS[encoding][:profiles]:
            if kind == "video":
                codecs.append(Codec(payload_type, encoding, 90000, 1, dict(fmtp), _VIDEO_FEEDBACK))
            else:
                rate, channels = (48000, 2) if encoding == "opus" else (8000, 1)
                codecs.append(Codec(payload_type, encoding, rate, channels, dict(fmtp), _AUDIO_FEEDBACK))
    return tuple(codecs)


def publish_offer(
    tracks: Sequence[PublishTrack],
    local: LocalTransport,
    *,
    session_id: int = 1,
    extensions: Mapping[str, Sequence[str]] = PUBLISHED_EXTENSIONS,
) -> SessionDescription:
    """A send-only offer, one line per track in order, mids "0", "1", ..., all in one BUNDLE group.

    `local.ice_lite` is taken as it stands: our client sends checks and passes False.
    """
    lines = []
    for index, track in enumerate(tracks):
        uris = list(extensions[track.kind])
        line = _line(index, track.kind, track.codecs, "sendonly")
        line.msid = f"{track.stream_id} {track.track_id}"
        if track.rids:
            uris += [uri for uri in (ext.RID, ext.REPAIRED_RID) if uri not in uris]
            line.rids = [Rid(rid, "send") for rid in track.rids]
            line.simulcast = Simulcast(send=tuple((SimulcastRid(rid),) for rid in track.rids))
        elif track.ssrc is not None:
            ssrcs = [track.ssrc]
            if track.rtx_ssrc is not None and track.kind == "video":
                ssrcs.append(track.rtx_ssrc)
                line.ssrc_groups = [SsrcGroup("FID", (track.ssrc, track.rtx_ssrc))]
            for ssrc in ssrcs:
                line.ssrcs += [
                    SsrcAttribute(ssrc, "cname", track.cname),
                    SsrcAttribute(ssrc, "msid", line.msid),
                ]
        line.extensions = [Extension(EXTENSION_IDS[uri], uri) for uri in uris]
        lines.append(line)
    return _offer(lines, local, session_id)


def view_offer(
    kinds: Sequence[Kind],
    local: LocalTransport,
    *,
    session_id: int = 1,
    video: Sequence[str] = VIDEO_PREFERENCE,
    audio: Sequence[str] = AUDIO_PREFERENCE,
    extensions: Mapping[str, Sequence[str]] = VIEWED_EXTENSIONS,
    repairs: bool = False,
) -> SessionDescription:
    """A receive-only offer, one line per kind in order, with every format of the given encodings.

    `repairs`: RED and FlexFEC too, for who can read them.
    """
    lines = []
    for index, kind in enumerate(kinds):
        line = _line(index, kind, offer_codecs(kind, video if kind == "video" else audio, profiles=4), "recvonly")
        line.extensions = [Extension(EXTENSION_IDS[uri], uri) for uri in extensions[kind]]
        beside = our_repairs(kind) if repairs else []
        line.codecs += beside
        line.formats += [str(codec.payload_type) for codec in beside]
        lines.append(line)
    return _offer(lines, local, session_id)


def read_answer(answer: SessionDescription, offer: SessionDescription | None = None) -> Accepted:
    """What the server's answer to our offer means; `direction` as seen from us, `ssrcs` are the server's.

    Raises:
        SdpMalformed: with `offer` given, the answer does not have the offer's lines.
        SdpBadSetup: the answer leaves the DTLS roles open.
        SdpError: no transport in the answer, or all lines refused (SdpNoBundle).
    """
    if offer is not None and [line.kind for line in answer.media] != [line.kind for line in offer.media]:
        raise SdpMalformed(0, "the answer's media lines are not those of the offer")
    members = bundled(answer)
    remote = read_remote(answer, members)
    if remote.setup not in ("active", "passive"):
        raise SdpBadSetup(f"a=setup:{remote.setup} in an answer; active or passive is needed")
    role: DtlsRole = "client" if remote.setup == "passive" else "server"
    media = [_read_line(index, answer, line, members) for index, line in enumerate(answer.media)]
    return Accepted(answer, media, remote, role)


def _read_line(
    index: int, answer: SessionDescription, line: MediaDescription, members: Sequence[MediaDescription]
) -> AcceptedMedia:
    if not any(line is member for member in members):
        return AcceptedMedia(index, line.mid, line.kind, "inactive", rejected=True)
    stated = answer.direction_of(line)
    direction: MediaDirection = "inactive"
    if stated in ("recvonly", "sendrecv"):
        direction = "send"
    elif stated == "sendonly":
        direction = "recv"
    codecs = []
    repairing = rtx_formats(line)
    for codec in line.codecs:
        if codec.encoding not in ("rtx", RED, FLEXFEC):
            rtx = repairing.get(codec.payload_type)
            codecs.append(AcceptedCodec(codec, rtx.payload_type if rtx else None))
    repairs = offered_repairs(line, codecs)
    return AcceptedMedia(
        index=index,
        mid=line.mid,
        kind=line.kind,
        direction=direction,
        codecs=tuple(codecs),
        red=repairs.red.payload_type if repairs.red else 0,
        flexfec=repairs.flexfec.payload_type if repairs.flexfec else 0,
        extensions={extension.uri: extension.id for extension in line.extensions},
        rids=tuple(rid.rid for rid in line.rids if rid.direction == "recv"),
        ssrcs=offered_ssrcs(line),
        stream_id=line.stream_id,
        track_id=line.track_id,
        cname=line.cname,
        rtcp_rsize=line.rtcp_rsize,
    )


def _line(
    index: int, kind: Kind, codecs: Sequence[Codec], direction: Literal["sendonly", "recvonly"]
) -> MediaDescription:
    formats: list[Codec] = []
    for codec in codecs:
        formats.append(codec)
        if kind == "video":
            formats.append(replace(codec, payload_type=codec.payload_type + 1, encoding="rtx", feedback=(),
                                   fmtp={"apt": str(codec.payload_type)}))  # fmt: skip
    return MediaDescription(
        kind=kind,
        port=9,
        profile="UDP/TLS/RTP/SAVPF",
        formats=[str(codec.payload_type) for codec in formats],
        mid=str(index),
        codecs=formats,
        direction=direction,
        rtcp_mux=True,
        rtcp_rsize=True,
    )


def _offer(lines: list[MediaDescription], local: LocalTransport, session_id: int) -> SessionDescription:
    for index, line in enumerate(lines):
        write_local(line, local, "actpass", tagged=index == 0)
    return SessionDescription(
        origin=Origin("-", str(session_id), "1", "IN", "IP4", "127.0.0.1"),
        ice_lite=local.ice_lite,
        ice_options=("ice2", "trickle"),  # RFC 8445 section 10
        groups=[Group("BUNDLE", tuple(line.mid or "" for line in lines))],
        media=lines,
        attributes=[("msid-semantic", "WMS *")],
    )
