"""The load's pages against a real node: what is done is found on every page that shows it, and what is not, missed."""

from collections.abc import Iterator
from contextlib import ExitStack

import msgspec
import pytest

from benchmarks.consultation import town
from benchmarks.consultation.acts import ACTS_A_SECOND, OVERVIEW, Hall, measure, shown
from benchmarks.load.orders import Change, Look, PageOrder
from benchmarks.load.page import Page
from benchmarks.load.pages import Pages
from benchmarks.peers.model import PeerError

SECONDS = 3.0
INSIDE, OUTSIDE = 3, 2


@pytest.fixture(scope="module")
def hall() -> Iterator[Hall]:
    with ExitStack() as stack:
        yield Hall.open(stack, town.Size(INSIDE - 1, INSIDE - 1, OUTSIDE, cameras=1, scheduled=2))


def test_every_act_of_the_chair_is_found_on_every_page_that_shows_it(hall: Hall) -> None:
    found, changes = measure(hall, SECONDS)
    assert [answer.code for answer in found.speaking.answers] == [""] * int(SECONDS * ACTS_A_SECOND)
    assert found.speaking.closed == found.listening.closed == 0
    of_overview = sum(change.topic == OVERVIEW for change in changes)
    everywhere = shown(hall, changes, lambda change: change.topic == OVERVIEW)
    inside = shown(hall, changes, lambda change: change.topic != OVERVIEW)
    assert 0 < of_overview < len(changes)
    assert (len(everywhere.ms), everywhere.missing) == (of_overview * (INSIDE + OUTSIDE), 0)
    assert (len(inside.ms), inside.missing) == ((len(changes) - of_overview) * INSIDE, 0)
    assert min(everywhere.ms + inside.ms) > 0


def test_page_that_is_refused_says_why(hall: Hall) -> None:
    keys = town.Keys(town.settings_of(hall.server.settings_path))
    stranger = town.Person(hall.made.chair.id, hall.made.members[0].login)
    with pytest.raises(PeerError, match="not-signed-in"):
        hall.inside.open(hall.server.port, keys, [stranger], [OVERVIEW])


def state(**more: object) -> bytes:
    return msgspec.json.encode({"t": "state", "topic": "overview", "seq": 1, "puts": {}, "drops": {}, **more})


LOCKED = state(puts={"consultation": [{"id": "C", "locked": True, "hand_us": 17}]})
GONE = state(drops={"consultation": ["C"]})


@pytest.mark.parametrize(
    ("change", "text", "shows"),
    [
        (Change(5, "overview", "consultation", "C", "locked", True), LOCKED, True),
        (Change(5, "overview", "consultation", "C", "locked", False), LOCKED, False),
        (Change(5, "overview", "consultation", "C", "hand_us", True), LOCKED, True),
        (Change(5, "overview", "consultation", "", "locked", True), LOCKED, True),
        (Change(5, "overview", "consultation", "D", "locked", True), LOCKED, False),
        (Change(5, "places", "consultation", "C", "locked", True), LOCKED, False),
        (Change(5, "overview", "consultation", "C", "", None), GONE, True),
        (Change(5, "overview", "consultation", "C", "", None), LOCKED, False),
        # What came before the act was sent does not show it.
        (Change(11, "overview", "consultation", "C", "locked", True), LOCKED, False),
    ],
)
def test_change_is_seen_or_missed(change: Change, text: bytes, shows: bool) -> None:
    pages = Pages()
    page = Page(443)
    page.arrivals = [(10, text)]
    pages.pages.append(page)
    pages.topics.append(PageOrder("", "", ["overview"]).topics)
    seen = pages.look(Look([change]))
    assert seen.delays_ms == ([[(10 - 5) / 1e6]] if shows else [[]])
    assert seen.missing == [int(change.topic == "overview" and not shows)]
