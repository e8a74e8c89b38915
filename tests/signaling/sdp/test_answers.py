"""Whatever a valid offer looks like, the answer keeps to it: RFC 3264, 8843, 8285, 8853."""

from __future__ import annotations

from hypothesis import event, given
from hypothesis import strategies as st

from signaling.sdp.accepted import Accepted, AcceptedMedia
from signaling.sdp.codecs import AUDIO_PREFERENCE, VIDEO_PREFERENCE, match, relayed
from signaling.sdp.errors import SdpBadSetup, SdpError, SdpNoCommonCodec, SdpNoIce
from signaling.sdp.extensions import ABS_SEND_TIME, RID, TRANSPORT_CC
from signaling.sdp.model import Codec, MediaDescription, SessionDescription
from signaling.sdp.offer import read_answer
from signaling.sdp.parse import parse
from signaling.sdp.webrtc import accept_publish, accept_view
from signaling.sdp.write import write
from tests.signaling.sdp.offers import Offered, offers
from tests.signaling.sdp.samples import H264_CBP, OPUS, VP8, audio_track, video_track

PREFERENCES = {"video": VIDEO_PREFERENCE, "audio": AUDIO_PREFERENCE}
MIRRORED = {"recv": "send", "send": "recv", "inactive": "inactive"}


def refusal_due(offered: Offered) -> type[SdpError] | None:
    """The one error that the transport of a valid offer may come to."""
    if offered.offer.ice_lite and offered.local.ice_lite:
        return SdpNoIce
    setups = {item.setup for item in (offered.offer, *offered.offer.media)}
    return SdpBadSetup if "passive" in setups and not offered.allow_dtls_client else None


def served(offer: SessionDescription, media: MediaDescription) -> bool:
    """Whether a line is in use, on the bundle's transport, and has a format that we relay."""
    shared = media.mid in offer.bundle if offer.bundle else len(offer.media) == 1
    in_use = media.port != 0 or media.bundle_only
    return shared and in_use and "SAVP" in media.profile and any(relayed(codec) for codec in media.codecs)


def check_lines(offered: Offered, accepted: Accepted) -> None:
    offer, answer = offered.offer, accepted.answer
    assert [(line.kind, line.profile, line.mid) for line in answer.media] == [
        (line.kind, line.profile, line.mid) for line in offer.media
    ]
    assert [line.port != 0 for line in answer.media] == [served(offer, line) for line in offer.media]
    assert [item.rejected for item in accepted.media] == [line.port == 0 for line in answer.media]
    taken = [line.mid for line in answer.media if line.port]
    if offer.bundle:
        assert answer.bundle == tuple(mid for mid in offer.bundle if mid in taken)
    else:
        assert answer.groups == []


def check_transport(offered: Offered, accepted: Accepted) -> None:
    offer, answer, local = offered.offer, accepted.answer, offered.local
    insists = "passive" in {item.setup for item in (offer, *offer.media)}
    expected = ("active", "client") if insists else ("passive", "server")
    tagged = answer.bundle[0] if answer.bundle else answer.media[0].mid
    for line in answer.media:
        if line.port:
            assert (line.setup, accepted.dtls_role) == expected
            assert (line.ice_ufrag, line.ice_pwd, line.rtcp_mux) == (local.ice_ufrag, local.ice_pwd, True)
            assert line.fingerprints == list(local.fingerprints)
        assert bool(line.candidates) == (line.port != 0 and line.mid == tagged)
    assert answer.ice_lite == local.ice_lite
    assert ("trickle" in answer.ice_options) == accepted.remote.trickle == ("trickle" in offer.ice_options)
    assert set(answer.ice_options) <= {"trickle", "ice2"}


def check_formats(offer: SessionDescription, answer: SessionDescription) -> None:
    """Only formats, feedback and extensions that were offered on the line; one meaning over the bundle."""
    types: dict[int, tuple[object, ...]] = {}
    ids: dict[int, str] = {}
    for line, theirs in zip(answer.media, offer.media, strict=True):
        if not line.port:
            assert line.formats == theirs.formats and not line.extensions
            continue
        known = {codec.payload_type: codec for codec in theirs.codecs}
        assert line.formats == [str(codec.payload_type) for codec in line.codecs]
        for codec in line.codecs:
            offered = known[codec.payload_type]
            meaning = (codec.encoding, codec.clock_rate, codec.channels, codec.fmtp.get("apt"))
            assert meaning == (offered.encoding, offered.clock_rate, offered.channels, offered.fmtp.get("apt"))
            assert set(codec.feedback) <= set(offered.feedback)
            assert types.setdefault(codec.payload_type, meaning) == meaning
            assert codec.encoding != "rtx" or codec.fmtp["apt"] in line.formats
        offers_of = {(item.id, item.uri) for item in (*theirs.extensions, *offer.extensions)}
        assert {(item.id, item.uri) for item in line.extensions} <= offers_of
        for item in line.extensions:
            assert item.id not in (0, 15) and ids.setdefault(item.id, item.uri) == item.uri
        numbered = any(item.uri == TRANSPORT_CC for item in line.extensions)
        assert numbered or not any(("transport-cc", "") in codec.feedback for codec in line.codecs)
        # On a line that nobody uses now it stands for when it is used.
        ours = line.direction in ("recvonly", "inactive")
        timed = ours and any(item.uri == ABS_SEND_TIME for item in line.extensions)
        for codec in line.codecs:
            told = {("transport-cc", ""), ("goog-remb", "")} & set(codec.feedback)
            assert len(told) < 2 and (timed or ("goog-remb", "") not in told)


def check_read_back(offer: SessionDescription, accepted: Accepted) -> None:
    """What we wrote is what a peer reads, and our client understands it as the server meant it."""
    assert parse(write(accepted.answer)) == accepted.answer
    theirs = read_answer(parse(write(accepted.answer)), offer)
    assert {accepted.dtls_role, theirs.dtls_role} == {"server", "client"}
    for ours, their in zip(accepted.media, theirs.media, strict=True):
        assert (their.kind, their.mid, their.rejected) == (ours.kind, ours.mid, ours.rejected)
        assert their.direction == MIRRORED[ours.direction]
        assert (their.codecs, their.extensions) == (ours.codecs, ours.extensions)
        assert their.rids == ours.rids


def check_layers(line: MediaDescription, theirs: MediaDescription, item: AcceptedMedia) -> None:
    """Simulcast is taken where the layers can be told apart, every layer, in the order of the sender."""
    offered = [rid.rid for rid in theirs.rids if rid.direction == "send"]
    if theirs.simulcast:
        offered = [stream[0].rid for stream in theirs.simulcast.send] or offered
    told_apart = RID in item.extensions
    assert list(item.rids) == (offered if told_apart and item.direction == "recv" else [])
    assert [(rid.rid, rid.direction) for rid in line.rids] == [(rid, "recv") for rid in item.rids]
    streams = line.simulcast.recv if line.simulcast else ()
    assert [[one.rid for one in stream] for stream in streams] == [[rid] for rid in item.rids]
    paused = [stream[0].rid for stream in theirs.simulcast.send if stream[0].paused] if theirs.simulcast else []
    assert all(one.paused == (one.rid in paused) for stream in streams for one in stream)
    assert line.simulcast is None or line.simulcast.send == ()
    known = {ssrc.ssrc for ssrc in theirs.ssrcs}
    assert {ssrc.primary for ssrc in item.ssrcs} | {ssrc.rtx for ssrc in item.ssrcs if ssrc.rtx} <= known


@given(offers("sendonly"))
def test_every_publisher_is_answered_within_its_offer(offered: Offered) -> None:
    offer = offered.offer
    try:
        accepted = accept_publish(offer, offered.local, allow_dtls_client=offered.allow_dtls_client)
    except SdpError as error:
        event(error.code)
        assert type(error) is refusal_due(offered)
        return
    assert refusal_due(offered) is None
    check_lines(offered, accepted)
    check_transport(offered, accepted)
    check_formats(offer, accepted.answer)
    check_read_back(offer, accepted)
    for line, theirs, item in zip(accepted.answer.media, offer.media, accepted.media, strict=True):
        if item.rejected:
            continue
        sends = offer.direction_of(theirs) in ("sendonly", "sendrecv")
        assert line.direction == ("recvonly" if sends else "inactive")
        # One format, of the encoding that we like best among theirs, with its repair where they have one.
        (chosen,) = item.codecs
        liked = [name for name in PREFERENCES[line.kind] if name in {codec.encoding for codec in theirs.codecs}]
        assert chosen.codec.encoding == liked[0]
        repairs = [codec.payload_type for codec in theirs.codecs if codec.fmtp.get("apt") == line.formats[0]]
        assert chosen.rtx_payload_type == (repairs[0] if repairs else None)
        check_layers(line, theirs, item)


def first_line_of(kind: str, offer: SessionDescription) -> int | None:
    """The line that gets a source's one track of a kind."""
    for index, media in enumerate(offer.media):
        if media.kind == kind and served(offer, media) and offer.direction_of(media) in ("recvonly", "sendrecv"):
            return index
    return None


@given(offers("recvonly"), st.sampled_from([None, H264_CBP, VP8]), st.sampled_from([None, OPUS]))
def test_every_viewer_is_answered_within_its_offer(
    offered: Offered, picture: Codec | None, sound: Codec | None
) -> None:
    offer = offered.offer
    tracks = [video_track(picture), audio_track(sound)]
    carried = {first_line_of(track.kind, offer): track for track in tracks}
    playing = {
        index: any(match(track.codec, codec) for codec in offer.media[index].codecs)
        for index, track in carried.items()
        if track.codec is not None and index is not None
    }
    nothing_plays = bool(playing) and not any(playing.values())
    try:
        accepted = accept_view(offer, tracks, offered.local, allow_dtls_client=offered.allow_dtls_client)
    except SdpError as error:
        event(error.code)
        assert type(error) is (refusal_due(offered) or (SdpNoCommonCodec if nothing_plays else None))
        return
    assert refusal_due(offered) is None and not nothing_plays
    check_lines(offered, accepted)
    check_transport(offered, accepted)
    check_formats(offer, accepted.answer)
    check_read_back(offer, accepted)
    for line, theirs, item in zip(accepted.answer.media, offer.media, accepted.media, strict=True):
        assert item.track == carried.get(item.index)
        if item.rejected:
            continue
        assert line.direction == ("sendonly" if item.track else "inactive")
        assert {codec.codec.payload_type for codec in item.codecs} == {
            codec.payload_type for codec in theirs.codecs if relayed(codec)
        }
        assert (item.current is not None) == playing.get(item.index, False)
        assert item.current in (None, item.codecs[0])
        assert {ssrc.ssrc for ssrc in line.ssrcs} <= ({item.track.ssrc, item.track.rtx_ssrc} if item.track else set())
        assert line.rids == [] and line.simulcast is None
