"""Header extensions of an answer."""

from __future__ import annotations

from signaling.sdp.extensions import (
    AUDIO_LEVEL,
    MID,
    PLAYOUT_DELAY,
    RID,
    TRANSPORT_CC,
    answer_extensions,
    usable_id,
)
from signaling.sdp.model import Extension, MediaDescription, SessionDescription
from tests.signaling.sdp.samples import load


def line(*extensions: Extension) -> MediaDescription:
    return MediaDescription(kind="video", port=9, profile="UDP/TLS/RTP/SAVPF", extensions=list(extensions))


def test_known_extensions_keep_the_offerers_ids() -> None:
    offer = load("chromium-simulcast")
    taken = answer_extensions(offer, offer.media[0], "recvonly", {})
    assert {extension.id for extension in taken} == {2, 3, 4, 5, 9, 10, 11}


def test_directions_are_turned_round_and_useless_ones_left_out() -> None:
    offer = load("firefox-simulcast")
    taken = {extension.uri: extension for extension in answer_extensions(offer, offer.media[0], "recvonly", {})}
    assert taken[RID].direction == "recvonly"
    assert taken[MID].direction is None
    assert PLAYOUT_DELAY not in taken  # offered recvonly by a sender


def test_ids_that_fit_no_header_are_left_out() -> None:
    assert [id_ for id_ in (0, 1, 14, 15, 16, 255, 256, 4095) if usable_id(id_)] == [1, 14, 16, 255]
    media = line(Extension(15, MID), Extension(256, RID), Extension(3, TRANSPORT_CC))
    assert answer_extensions(SessionDescription(), media, "recvonly", {}) == [Extension(3, TRANSPORT_CC)]


def test_an_id_has_one_meaning_over_the_bundle_and_a_line() -> None:
    used: dict[int, str] = {}
    first, second = (
        line(Extension(1, MID), Extension(1, RID)),
        line(Extension(1, AUDIO_LEVEL), Extension(2, MID)),
    )
    assert answer_extensions(SessionDescription(), first, "recvonly", used) == [Extension(1, MID)]
    assert answer_extensions(SessionDescription(), second, "recvonly", used) == [Extension(2, MID)]


def test_session_level_extensions_hold_for_every_line() -> None:
    offer = SessionDescription(extensions=[Extension(5, MID)])
    assert answer_extensions(offer, line(Extension(6, RID)), "sendonly", {}) == [
        Extension(6, RID),
        Extension(5, MID),
    ]
