"""Valid offers of every shape, for property tests: what an answer must hold to, whatever the peer.

Within a bundle a payload type and an extension id have one meaning (RFC 8843 section 9.1); all else is drawn. One line
at least can be served: `good`, an index into the offer's lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

from hypothesis import strategies as st

from signaling.sdp import extensions as ext
from signaling.sdp.codecs import relayed
from signaling.sdp.model import (
    DIRECTIONS,
    Codec,
    Direction,
    Extension,
    Group,
    MediaDescription,
    Rid,
    SessionDescription,
    Setup,
    Simulcast,
    SimulcastRid,
    SsrcAttribute,
    SsrcGroup,
)
from signaling.sdp.parse import parse
from signaling.sdp.transport import LocalTransport, write_local
from signaling.sdp.write import write
from tests.signaling.sdp.samples import CLIENT

T = TypeVar("T")
Kind = Literal["audio", "video"]
Formats = dict[str, tuple[Codec, ...]]

FEEDBACK = (("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("transport-cc", ""), ("goog-remb", ""))
VIDEO: tuple[tuple[str, dict[str, str]], ...] = (
    ("VP8", {}),
    ("VP9", {"profile-id": "0"}),
    ("VP9", {"profile-id": "2"}),
    ("AV1", {"profile": "0", "level-idx": "5"}),
    ("H265", {"profile-id": "1"}),
    ("H264", {"packetization-mode": "1", "profile-level-id": "42e01f", "level-asymmetry-allowed": "1"}),
    ("H264", {"packetization-mode": "0", "profile-level-id": "42e01f"}),
    ("H264", {"packetization-mode": "1", "profile-level-id": "4d001f", "sprop-parameter-sets": "AA==,AA=="}),
    ("red", {}),
    ("THEORA", {}),
)
AUDIO = (
    Codec(0, "PCMU", 8000),
    Codec(8, "PCMA", 8000),
    Codec(9, "G722", 8000),
    Codec(13, "CN", 8000),
    Codec(110, "telephone-event", 48000, 1, {"0-15": ""}),
    Codec(111, "opus", 48000, 2, {"minptime": "10", "sprop-stereo": "1"}),
    Codec(112, "speex", 16000),
)
VIDEO_NUMBERS = (*range(35, 64), *range(96, 110), *range(113, 128))
URIS = (*ext.ACCEPTED, "urn:x:unknown")
#: One- and two-byte ids, and one that is neither (RFC 8285 section 4.2).
IDS = (*range(1, 16), 16, 200, 255)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What has one meaning on all lines of an offer."""

    formats: Formats
    "by kind"
    repairs: dict[int, Codec]
    "RTX by the payload type that it repairs"
    extensions: tuple[Extension, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    offer: SessionDescription
    good: int
    local: LocalTransport
    allow_dtls_client: bool


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    turn = draw(st.integers(0, len(VIDEO_NUMBERS) - 1))
    numbers = [*VIDEO_NUMBERS[turn:], *VIDEO_NUMBERS[:turn]]
    video = tuple(Codec(numbers.pop(), name, 90_000, 1, fmtp) for name, fmtp in VIDEO)
    repairs = {
        codec.payload_type: Codec(numbers.pop(), "rtx", 90_000, 1, {"apt": str(codec.payload_type)}) for codec in video
    }
    extensions = tuple(Extension(*pair) for pair in zip(draw(st.permutations(IDS)), URIS, strict=False))
    return Bundle({"video": video, "audio": AUDIO}, repairs, extensions)


def some(*items: T) -> st.SearchStrategy[list[T]]:
    return st.lists(st.sampled_from(items), unique=True)


@st.composite
def lines(draw: st.DrawFn, bundle: Bundle, good: Kind | None, direction: Direction) -> MediaDescription:
    """One line; a `good` one is of that kind, points that way, and has a format that we relay."""
    kind: str = good or draw(st.sampled_from(["audio", "video", "application"]))
    line = MediaDescription(kind=kind, port=9, profile="UDP/TLS/RTP/SAVPF", rtcp_mux=True)
    if not good:
        line.port, line.bundle_only = draw(st.sampled_from([(9, False), (9, False), (0, False), (0, True)]))
    if kind == "application":
        line.profile, line.formats = "UDP/DTLS/SCTP", ["webrtc-datachannel"]
        return line
    line.direction = direction if good else draw(st.none() | st.sampled_from(DIRECTIONS))
    line.profile = line.profile if good else draw(st.sampled_from([line.profile] * 3 + ["RTP/AVP"]))
    line.rtcp_rsize, line.extmap_allow_mixed = draw(st.booleans()), draw(st.booleans())
    _draw_formats(draw, line, bundle, bool(good))
    line.extensions = [
        Extension(item.id, item.uri, draw(st.none() | st.sampled_from(DIRECTIONS)))
        for item in draw(some(*bundle.extensions))
    ]
    if kind == "video":
        _draw_layers(draw, line)
    ssrcs = draw(st.lists(st.integers(1, 2**32 - 1), unique=True, max_size=4))
    line.ssrcs = [SsrcAttribute(ssrc, "cname", "peer@home") for ssrc in ssrcs]
    line.ssrc_groups = [SsrcGroup(draw(st.sampled_from(["FID", "SIM"])), tuple(ssrcs))] if ssrcs else []
    return line


def _draw_formats(draw: st.DrawFn, line: MediaDescription, bundle: Bundle, good: bool) -> None:
    choice = bundle.formats[line.kind]
    codecs = draw(st.lists(st.sampled_from(choice), unique_by=lambda codec: codec.payload_type, min_size=1))
    if good and not any(map(relayed, codecs)):
        codecs.append(next(filter(relayed, choice)))
    if line.kind == "video":
        repaired = draw(st.lists(st.sampled_from(codecs), unique_by=lambda codec: codec.payload_type))
        codecs += [bundle.repairs[codec.payload_type] for codec in repaired]
    line.codecs = [
        Codec(
            codec.payload_type,
            codec.encoding,
            codec.clock_rate,
            codec.channels,
            codec.fmtp,
            tuple(draw(some(*FEEDBACK))),
        )
        for codec in draw(st.permutations(codecs))
    ]
    line.formats = [str(codec.payload_type) for codec in line.codecs]


def _draw_layers(draw: st.DrawFn, line: MediaDescription) -> None:
    """RIDs of either direction, some of them listed as simulcast, with alternatives and paused ones."""
    sides: dict[str, list[str]] = {"send": [], "recv": []}
    for rid in draw(some("q", "h", "f", "0", "1")):
        side = draw(st.sampled_from(["send", "send", "recv"]))
        sides[side].append(rid)
        line.rids.append(Rid(rid, side))
    if any(sides.values()) and draw(st.booleans()):
        streams = {
            side: tuple(
                (SimulcastRid(rid, draw(st.booleans())), *draw(st.sampled_from([(), (SimulcastRid("x"),)])))
                for rid in draw(st.permutations(rids))
            )
            for side, rids in sides.items()
        }
        line.simulcast = Simulcast(streams["send"], streams["recv"])


@st.composite
def offers(draw: st.DrawFn, direction: Direction) -> Offered:
    """A peer's offer, read from its text, and how we meet it; one line at least points into this direction."""
    bundle = draw(bundles())
    count = draw(st.integers(1, 6))
    good = draw(st.integers(0, count - 1))
    kind: Kind = draw(st.sampled_from(["audio", "video"]))
    media = [draw(lines(bundle, kind if index == good else None, direction)) for index in range(count)]
    offer = SessionDescription(media=media, extmap_allow_mixed=draw(st.booleans()))
    offer.extensions = draw(some(*bundle.extensions))
    offer.ice_options = tuple(draw(some("trickle", "ice2")))
    offer.ice_lite = draw(st.booleans())
    if count > 1 or draw(st.booleans()):
        mids = draw(st.permutations(["0", "1", "audio", "v-2", "data", "{5}"]))
        for line, mid in zip(media, mids, strict=False):
            line.mid = mid
        chosen = draw(st.lists(st.sampled_from(media), unique_by=lambda line: line.mid))
        members = [*chosen, *([] if any(line is media[good] for line in chosen) else [media[good]])]
        offer.groups = [Group("LS", tuple(mids[:count])), Group("BUNDLE", tuple(line.mid or "" for line in members))]
    setup: Setup = draw(st.sampled_from(["actpass", "active", "passive"]))
    _draw_transport(draw, offer, setup)
    lite = draw(st.booleans())
    return Offered(
        parse(write(offer)),
        good,
        LocalTransport("srvu", "srvpwdsrvpwdsrvpwdsrvpwd", CLIENT.fingerprints, CLIENT.candidates, ice_lite=lite),
        draw(st.booleans()),
    )


def _draw_transport(draw: st.DrawFn, offer: SessionDescription, setup: Setup) -> None:
    """ICE and DTLS stand on every line, or once for all."""
    if draw(st.booleans()):
        offer.ice_ufrag, offer.ice_pwd = CLIENT.ice_ufrag, CLIENT.ice_pwd
        offer.fingerprints, offer.setup = list(CLIENT.fingerprints), setup
        return
    for line in offer.media:
        port = line.port
        write_local(line, CLIENT, setup, tagged=draw(st.booleans()))
        line.port = port
