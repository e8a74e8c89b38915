"""The registry of sources: rules by example, and a state machine that tries everything in any order."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dispatch.sources import (
    MAX_NAME_CHARACTERS,
    Source,
    SourceInvalid,
    SourceLimit,
    SourceRegistry,
    SourceState,
    SourceUnknown,
    clean_name,
)

SECOND_US = 1_000_000


def published(name: str = "", *, limit: int = 10) -> SourceRegistry:
    registry = SourceRegistry(limit)
    registry.publish("camera", name, "first", 0)
    return registry


def test_new_source_is_silent_until_media_comes() -> None:
    registry = published()
    assert registry.get("camera").state is SourceState.SILENT
    registry.observe("camera", heard=True, now_us=SECOND_US)
    assert (registry.get("camera").state, registry.get("camera").since_us) == (SourceState.LIVE, SECOND_US)


def test_every_change_is_told_after_it_happened_and_nothing_else_is() -> None:
    registry = SourceRegistry(1)
    told: list[tuple[str, SourceState | None]] = []

    def note(identifier: str) -> None:
        source = registry.find(identifier)
        told.append((identifier, source.state if source else None))

    unlisten = registry.listen(note)
    registry.publish("camera", "", "first", 0)
    registry.observe("camera", heard=True, now_us=1)
    registry.observe("camera", heard=True, now_us=2)
    registry.watch("camera", "viewer")
    registry.leave("camera", "viewer")
    registry.withdraw("camera", "another", 3)
    registry.withdraw("camera", "first", 3)
    registry.publish("drone", "", "second", 4)
    registry.stop("drone")
    assert told == [
        ("camera", SourceState.SILENT),
        ("camera", SourceState.LIVE),
        ("camera", SourceState.OFFLINE),
        ("camera", None),
        ("drone", SourceState.SILENT),
        ("drone", None),
    ]
    unlisten()
    registry.publish("camera", "", "first", 5)
    assert len(told) == 6


def test_time_of_a_state_is_when_it_began() -> None:
    registry = published()
    for second in range(1, 5):
        registry.observe("camera", heard=True, now_us=second * SECOND_US)
    assert registry.get("camera").since_us == SECOND_US


def test_newest_publisher_wins_and_the_older_ones_end_changes_nothing() -> None:
    registry = published()
    assert registry.publish("camera", "", "second", SECOND_US) == "first"
    registry.withdraw("camera", "first", 2 * SECOND_US)
    assert registry.get("camera").publisher == "second"
    assert registry.get("camera").state is not SourceState.OFFLINE


def test_viewers_stay_when_the_publisher_goes() -> None:
    registry = published()
    registry.watch("camera", "viewer")
    registry.withdraw("camera", "first", SECOND_US)
    source = registry.get("camera")
    assert (source.state, source.viewers, source.publisher) == (SourceState.OFFLINE, {"viewer"}, None)


def test_media_of_a_gone_publisher_does_not_revive_the_source() -> None:
    registry = published()
    registry.withdraw("camera", "first", SECOND_US)
    registry.observe("camera", heard=True, now_us=2 * SECOND_US)
    assert registry.get("camera").state is SourceState.OFFLINE


@pytest.mark.parametrize("verb", ["get", "stop"])
def test_unknown_source_is_refused_with_its_code(verb: str) -> None:
    with pytest.raises(SourceUnknown) as caught:
        getattr(SourceRegistry(1), verb)("nobody")
    assert caught.value.code == "source-unknown"


@pytest.mark.parametrize("identifier", ["", "-a", ".", "..", "a b", "a/b", "a\n", "摄像头", "x" * 65, "a\x00", "_a"])
def test_identifier_that_breaks_a_path_or_a_log_is_refused(identifier: str) -> None:
    registry = SourceRegistry(1)
    with pytest.raises(SourceInvalid):
        registry.publish(identifier, "", "session", 0)
    assert registry.all() == ()


@pytest.mark.parametrize("identifier", ["a", "A.b_c~d-e", "0", "x" * 64])
def test_identifier_of_unreserved_characters_is_taken(identifier: str) -> None:
    registry = SourceRegistry(1)
    registry.publish(identifier, "", "session", 0)
    assert [source.id for source in registry.all()] == [identifier]


def test_full_node_forgets_the_longest_gone_source_that_nobody_watches() -> None:
    registry = SourceRegistry(3)
    for number, identifier in enumerate(["watched", "old", "new"]):
        registry.publish(identifier, "", identifier, 0)
        registry.withdraw(identifier, identifier, number * SECOND_US)
    registry.watch("watched", "viewer")
    registry.publish("fresh", "", "session", 9 * SECOND_US)
    assert [source.id for source in registry.all()] == ["watched", "new", "fresh"]


def test_full_node_of_published_sources_refuses_one_more() -> None:
    registry = published(limit=1)
    with pytest.raises(SourceLimit) as caught:
        registry.publish("other", "", "session", 0)
    assert caught.value.code == "source-limit"
    assert registry.publish("camera", "", "again", 0) == "first"


def test_name_is_the_identifier_until_one_is_given() -> None:
    registry = published()
    assert registry.get("camera").name == "camera"
    registry.publish("camera", "东门", "second", 0)
    assert registry.get("camera").name == "东门"


@given(st.text())
def test_clean_name_is_one_short_line_without_hidden_characters(name: str) -> None:
    cleaned = clean_name(name)
    assert len(cleaned) <= MAX_NAME_CHARACTERS
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") for char in cleaned)
    assert cleaned == clean_name(cleaned) and cleaned == cleaned.strip()


def test_clean_name_keeps_what_people_write() -> None:
    assert clean_name("  移动\t一号\n车 🚒 ") == "移动 一号 车 🚒"


def test_name_is_not_cut_to_a_trailing_space() -> None:
    assert clean_name("x" * (MAX_NAME_CHARACTERS - 1) + " y") == "x" * (MAX_NAME_CHARACTERS - 1)


IDENTIFIERS = st.sampled_from(["a", "b", "c", "d"])
SESSIONS = st.integers(0, 5).map(lambda number: f"session-{number}")
LIMIT = 3


class Registry(RuleBasedStateMachine):
    """Compare the registry with the plainest model of it: a dict of what each source must be."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = SourceRegistry(LIMIT)
        self.model: dict[str, dict[str, Any]] = {}
        self.now = 0

    def tick(self) -> int:
        self.now += 1
        return self.now

    def enter(self, identifier: str, state: SourceState) -> None:
        entry = self.model[identifier]
        if entry["state"] is not state:
            entry.update(state=state, since=self.now)

    @rule(identifier=IDENTIFIERS, session=SESSIONS)
    def publish(self, identifier: str, session: str) -> None:
        assume(identifier in self.model or len(self.model) < LIMIT)
        now = self.tick()
        before = self.model.get(identifier)
        assert self.registry.publish(identifier, "", session, now) == (before["publisher"] if before else None)
        if before is None:
            self.model[identifier] = {"state": SourceState.SILENT, "since": now, "publisher": session, "viewers": set()}
        else:
            before["publisher"] = session
            self.enter(identifier, SourceState.SILENT)

    @precondition(lambda self: len(self.model) == LIMIT)
    @rule(session=SESSIONS)
    def publish_one_more(self, session: str) -> None:
        identifier = next(name for name in ("a", "b", "c", "d") if name not in self.model)
        now = self.tick()
        gone = [
            name for name, entry in self.model.items() if entry["state"] is SourceState.OFFLINE and not entry["viewers"]
        ]
        if not gone:
            with pytest.raises(SourceLimit):
                self.registry.publish(identifier, "", session, now)
            return
        self.registry.publish(identifier, "", session, now)
        del self.model[min(gone, key=lambda name: self.model[name]["since"])]
        self.model[identifier] = {"state": SourceState.SILENT, "since": now, "publisher": session, "viewers": set()}

    @rule(identifier=IDENTIFIERS, session=SESSIONS)
    def withdraw(self, identifier: str, session: str) -> None:
        self.registry.withdraw(identifier, session, self.tick())
        entry = self.model.get(identifier)
        if entry is not None and entry["publisher"] == session:
            entry["publisher"] = None
            self.enter(identifier, SourceState.OFFLINE)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), heard=st.booleans())
    def observe(self, data: st.DataObject, heard: bool) -> None:
        identifier = data.draw(st.sampled_from(sorted(self.model)))
        self.registry.observe(identifier, heard=heard, now_us=self.tick())
        if self.model[identifier]["publisher"] is not None:
            self.enter(identifier, SourceState.LIVE if heard else SourceState.SILENT)

    @rule(identifier=IDENTIFIERS, session=SESSIONS, joins=st.booleans())
    def view(self, identifier: str, session: str, joins: bool) -> None:
        entry = self.model.get(identifier)
        if not joins:
            self.registry.leave(identifier, session)
            if entry is not None:
                entry["viewers"].discard(session)
        elif entry is None:
            with pytest.raises(SourceUnknown):
                self.registry.watch(identifier, session)
        else:
            self.registry.watch(identifier, session)
            entry["viewers"].add(session)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        identifier = data.draw(st.sampled_from(sorted(self.model)))
        gone = self.registry.stop(identifier)
        entry = self.model.pop(identifier)
        assert (gone.publisher, gone.viewers) == (entry["publisher"], entry["viewers"])

    @invariant()
    def agrees_with_the_model(self) -> None:
        def seen(source: Source) -> dict[str, Any]:
            return {
                "state": source.state,
                "since": source.since_us,
                "publisher": source.publisher,
                "viewers": source.viewers,
            }

        assert {source.id: seen(source) for source in self.registry.all()} == self.model

    @invariant()
    def nobody_publishes_an_offline_source(self) -> None:
        for source in self.registry.all():
            assert (source.state is SourceState.OFFLINE) == (source.publisher is None)


TestRegistry = Registry.TestCase


def test_what_cannot_be_published_is_refused_beforehand_and_changes_nothing() -> None:
    registry = SourceRegistry(1)
    with pytest.raises(SourceInvalid):
        registry.admit("-dash")
    assert registry.admit("camera") is None and registry.all() == ()
    registry.publish("camera", "", "first", 1)
    assert registry.admit("camera") == "first"
    with pytest.raises(SourceLimit):
        registry.admit("other")
    registry.withdraw("camera", "first", 2)
    assert registry.admit("other") is None
    assert [source.id for source in registry.all()] == ["camera"]
