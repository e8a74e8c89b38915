"""What later offers of a session are bound to: each break of it is refused, all else goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from signaling.sdp.accepted import SendTrack
from signaling.sdp.continuation import Agreed, agree, restarts_ice
from signaling.sdp.errors import SdpBadDirection, SdpBadReoffer, SdpBadSetup, SdpNoCommonCodec
from signaling.sdp.model import Codec, Extension, Fingerprint, Origin, SessionDescription
from signaling.sdp.webrtc import accept_lines
from tests.signaling.sdp.page import PageOffers
from tests.signaling.sdp.samples import LOCAL, video_track

Change = Callable[[SessionDescription], None]


def page() -> PageOffers:
    page = PageOffers()
    page.add("video", "recvonly")
    page.add("audio", "sendonly")
    page.add("audio", "inactive")
    return page


WANTED: dict[str, SendTrack | None] = {"0": video_track(), "1": None}


def agreed(offer: SessionDescription, before: Agreed | None = None) -> Agreed:
    return agree(offer, accept_lines(offer, WANTED, LOCAL), before)


def test_the_same_lines_offered_again_are_agreed_again() -> None:
    offers = page()
    before = agreed(offers.describe())
    after = agreed(offers.describe(), before)
    assert after.lines == before.lines and after.formats == before.formats and after.extensions == before.extensions
    assert not restarts_ice(after.remote, before)


def test_new_credentials_are_a_restart() -> None:
    offers = page()
    before = agreed(offers.describe())
    offers.restart_ice()
    assert restarts_ice(agreed(offers.describe(), before).remote, before)


def test_place_of_a_stopped_line_may_be_taken_by_any_other() -> None:
    offers = page()
    before = agreed(offers.describe())
    offers.lines[2].stopped = True
    before = agreed(offers.describe(), before)
    recycled = offers.add("video", "recvonly")
    after = agreed(offers.describe(), before)
    assert [line.mid for line in after.lines] == ["0", "1", recycled.mid] and after.lines[2].kind == "video"


def swap_mids(offer: SessionDescription) -> None:
    offer.media[1].mid, offer.media[2].mid = offer.media[2].mid, offer.media[1].mid


def drop_line(offer: SessionDescription) -> None:
    del offer.media[2]


def change_kind(offer: SessionDescription) -> None:
    offer.media[2].kind = "video"


def rename_resting(offer: SessionDescription) -> None:
    offer.media[2].mid = "other"


def move_extension(offer: SessionDescription) -> None:
    offer.media[0].extensions[0] = replace(offer.media[0].extensions[0], id=9)


def give_id_away(offer: SessionDescription) -> None:
    offer.media[0].extensions[1] = Extension(4, "urn:x:another")


def give_payload_type_away(offer: SessionDescription) -> None:
    offer.media[0].codecs[0] = Codec(96, "VP9", 90_000)


def repair_another(offer: SessionDescription) -> None:
    offer.media[0].codecs[1] = Codec(97, "rtx", 90_000, 1, {"apt": "98"})


def change_certificate(offer: SessionDescription) -> None:
    for media in offer.media:
        media.fingerprints = [Fingerprint("sha-256", ":".join(["CD"] * 32))]


def change_ufrag_only(offer: SessionDescription) -> None:
    for media in offer.media:
        media.ice_ufrag = "elsewhere"


def change_password_only(offer: SessionDescription) -> None:
    for media in offer.media:
        media.ice_pwd = "x" * 22


def come_late(offer: SessionDescription) -> None:
    offer.origin = Origin("-", "4711", "1")


BREAKS: tuple[Change, ...] = (
    swap_mids, drop_line, change_kind, rename_resting, move_extension, give_id_away, give_payload_type_away,
    repair_another, change_certificate, change_ufrag_only, change_password_only, come_late,
)  # fmt: skip


@pytest.mark.parametrize("change", BREAKS, ids=lambda change: change.__name__)
def test_each_break_is_refused(change: Change) -> None:
    offers = page()
    before = agreed(offers.describe())
    offer = offers.describe()
    change(offer)
    accepted = accept_lines(offer, {"0": video_track()}, LOCAL)
    with pytest.raises(SdpBadReoffer):
        agree(offer, accepted, before)


def test_an_older_offer_of_another_numbering_is_no_late_one() -> None:
    offers = page()
    before = agreed(offers.describe())
    offer = offers.describe()
    offer.origin = Origin("-", "another", "1")
    assert agreed(offer, before).version == 1


def test_wanted_lines_must_be_there_and_point_the_right_way() -> None:
    offer = page().describe()
    for wanted in ({"9": None}, {"0": None}, {"2": None}, {"1": video_track()}, {"2": video_track()}):
        with pytest.raises(SdpBadDirection):
            accept_lines(offer, wanted, LOCAL)


def test_wanted_line_without_a_codec_of_ours_is_refused() -> None:
    offers = page()
    offers.lines[1].codecs = (Codec(112, "speex", 16_000),)
    with pytest.raises(SdpNoCommonCodec):
        accept_lines(offers.describe(), WANTED, LOCAL)


def test_page_that_insists_on_being_the_server_is_refused() -> None:
    offer = page().describe()
    for media in offer.media:
        media.setup = "passive"
    with pytest.raises(SdpBadSetup):
        accept_lines(offer, WANTED, LOCAL)


def test_lines_that_nothing_is_wanted_of_rest_with_their_formats() -> None:
    accepted = accept_lines(page().describe(), {}, LOCAL, session_id=5, version=7)
    assert [line.direction for line in accepted.answer.media] == ["inactive"] * 3
    assert all(line.port and line.codecs and not line.ssrcs for line in accepted.answer.media)
    assert (accepted.answer.origin.session_id, accepted.answer.origin.version) == ("5", "7")


def test_more_lines_than_are_looked_at_are_refused_one_by_one() -> None:
    offers = PageOffers()
    for _ in range(20):
        offers.add("video", "recvonly")
    answered = accept_lines(offers.describe(), {}, LOCAL, max_lines=17).answer
    assert [bool(line.port) for line in answered.media] == [True] * 17 + [False] * 3
