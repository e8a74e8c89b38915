"""Presence in virtual time: a lost line is forgiven for a while, a revoked one is not."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dispatch.presence import GRACE_US, Presence


class Room:
    """A presence, and what it told."""

    def __init__(self, grace_us: int = GRACE_US) -> None:
        self.presence = Presence(grace_us)
        self.told: list[tuple[str, bool, int]] = []
        self.unlisten = self.presence.listen(self._note)

    def _note(self, person: str) -> None:
        self.told.append((person, self.presence.is_online(person), self.presence.since_us(person)))


def test_a_person_is_online_from_the_first_connection_and_told_once() -> None:
    room = Room()
    assert not room.presence.is_online("li") and room.presence.since_us("li") == 0
    room.presence.connect("li", "a", 1)
    room.presence.connect("li", "b", 2)
    assert room.told == [("li", True, 1)]


def test_a_person_goes_when_the_last_connection_was_lost_long_enough_ago() -> None:
    room = Room()
    room.presence.connect("li", "a", 1)
    room.presence.connect("li", "b", 2)
    room.presence.disconnect("li", "a", 5)
    room.presence.handle_timer(5 + GRACE_US)
    room.presence.disconnect("li", "b", 7 + GRACE_US)
    room.presence.handle_timer(6 + 2 * GRACE_US)
    assert room.told == [("li", True, 1)]
    room.presence.handle_timer(7 + 2 * GRACE_US)
    assert room.told == [("li", True, 1), ("li", False, 7 + GRACE_US)]


def test_who_comes_back_in_time_was_never_away() -> None:
    room = Room()
    room.presence.connect("li", "a", 1)
    room.presence.disconnect("li", "a", 2)
    room.presence.connect("li", "b", 1 + GRACE_US)
    room.presence.handle_timer(10 * GRACE_US)
    assert room.told == [("li", True, 1)]


def test_who_is_gone_for_good_is_offline_at_once_unless_another_connection_stays() -> None:
    room = Room()
    for connection in ("a", "b"):
        room.presence.connect("li", connection, 1)
        room.presence.connect("wang", connection, 1)
    room.presence.disconnect("li", "a", 2, for_good=True)
    assert room.presence.is_online("li")
    room.presence.disconnect("li", "b", 3, for_good=True)
    room.presence.disconnect("wang", "a", 3)
    assert room.told == [("li", True, 1), ("wang", True, 1), ("li", False, 3)]
    room.presence.handle_timer(10 * GRACE_US)
    assert room.presence.is_online("wang") and len(room.told) == 3


def test_a_strange_connection_and_a_strange_person_change_nothing() -> None:
    room = Room()
    room.presence.connect("li", "a", 0)
    room.presence.disconnect("li", "b", 1)
    room.presence.disconnect("nobody", "a", 1)
    room.presence.handle_timer(10 * GRACE_US)
    assert room.told == [("li", True, 0)]


def test_a_clock_that_is_set_back_ends_the_grace() -> None:
    room = Room()
    room.presence.connect("li", "a", 100)
    room.presence.disconnect("li", "a", 3_600_000_000)
    room.presence.handle_timer(200)
    assert not room.presence.is_online("li")
    assert not room.presence.was_online("li", GRACE_US, 200)


def test_who_went_was_online_for_as_long_as_one_asks() -> None:
    room = Room()
    room.presence.connect("li", "a", 100)
    room.presence.disconnect("li", "a", 200)
    room.presence.handle_timer(200 + GRACE_US)
    assert not room.presence.is_online("li")
    asked = [room.presence.was_online("li", 3 * GRACE_US, 200 + n * GRACE_US) for n in (1, 2, 3)]
    assert asked == [True, True, False] and not room.presence.was_online("nobody", GRACE_US, 10 * GRACE_US)


def test_without_grace_a_person_goes_with_the_last_connection_until_nobody_listens() -> None:
    room = Room(grace_us=0)
    room.presence.connect("li", "a", 1)
    room.presence.disconnect("li", "a", 2)
    assert room.told == [("li", True, 1), ("li", False, 2)]
    room.unlisten()
    room.presence.connect("li", "a", 3)
    assert len(room.told) == 2


class Coming(RuleBasedStateMachine):
    """Anybody comes and goes at any time; who is online is said by the history alone."""

    @initialize()
    def begin(self) -> None:
        self.room = Room()
        self.now_us = 1
        self.connections: dict[str, set[str]] = {"li": set(), "wang": set()}
        #: person -> the time from which on it is offline, while it has no connection
        self.offline_us = {"li": 0, "wang": 0}

    @rule(person=st.sampled_from(("li", "wang")), tab=st.sampled_from("ab"))
    def come(self, person: str, tab: str) -> None:
        self.connections[person].add(tab)
        self.room.presence.connect(person, tab, self.now_us)

    @rule(person=st.sampled_from(("li", "wang")), tab=st.sampled_from("ab"), for_good=st.booleans())
    def go(self, person: str, tab: str, for_good: bool) -> None:
        if self.connections[person] == {tab}:
            self.offline_us[person] = self.now_us + (0 if for_good else GRACE_US)
        self.connections[person].discard(tab)
        self.room.presence.disconnect(person, tab, self.now_us, for_good=for_good)

    @rule(later=st.sampled_from((1, GRACE_US // 2, GRACE_US)))
    def time_passes(self, later: int) -> None:
        self.now_us += later
        self.room.presence.handle_timer(self.now_us)

    @invariant()
    def online_is_who_has_a_connection_or_had_one_just_now(self) -> None:
        for person, tabs in self.connections.items():
            online = bool(tabs) or self.now_us < self.offline_us[person]
            assert self.room.presence.is_online(person) is online
            told = [known for who, known, _ in self.room.told if who == person]
            assert told == [number % 2 == 0 for number in range(len(told))] and (told or [False])[-1] is online


TestComing = Coming.TestCase
TestComing.settings = settings(max_examples=60, stateful_step_count=40)
