"""Topics: who gets what when, by example; and a machine that changes everything and breaks every connection."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dispatch.errors import Refused
from dispatch.permissions import Actor, Right
from dispatch.records import (
    Attendance,
    Consultation,
    Grant,
    Invitation,
    Message,
    Participant,
    Person,
    Role,
    Stage,
    Unit,
)
from dispatch.sources import SourceState
from signaling.ws.stream import MAX_KEPT
from signaling.ws.topics import LINGER_S, RECORDS_A_TURN
from tests.signaling.ws.town import SECOND_US, Town


def crowd(unit: str, count: int) -> list[tuple[str, Person]]:
    return [("person", Person(id=f"{unit}-{n}", unit=unit, name="众", login=f"{unit}-{n}")) for n in range(count)]


def test_many_who_are_invited_at_once_are_told_in_turns_of_a_bounded_size() -> None:
    town = Town()
    record = town.consultation("c")
    invited = crowd("town", RECORDS_A_TURN)
    town.put(*invited)
    for _, person in invited:
        town.watch(person.id, "places")
    town.settle()
    town.now += 1
    town.put(("consultation", msgspec.structs.replace(record, invitations=(Invitation("unit:town", "li", 1),))))
    turns = []
    while town.topics.get_timer() is not None:
        town.topics.handle_timer(town.now, town.now_us)
        turns.append(town.deliver())
    # Each has two records to be looked at.
    assert turns == [RECORDS_A_TURN // 2, RECORDS_A_TURN // 2]
    assert all(town.pages[person.id].ids("places", "place") == {"c"} for _, person in invited)


def test_an_invitation_has_the_places_of_those_looked_at_whom_it_is_for() -> None:
    town = Town()
    record = town.consultation("c")
    others = crowd("other", RECORDS_A_TURN)
    town.put(*others)
    for _, person in others:
        town.watch(person.id, "places")
    pages = town.watch("sun", "places")
    town.settle()
    town.now += 1
    town.put(("consultation", msgspec.structs.replace(record, invitations=(Invitation("unit:county", "li", 1),))))
    town.topics.handle_timer(town.now, town.now_us)
    town.deliver()
    assert pages.ids("places", "place") == {"c"}
    assert town.topics.get_timer() is None


def test_a_change_that_changes_nothing_for_an_audience_is_not_sent() -> None:
    town = Town()
    record = town.consultation("c", unit="other", chair="qian")
    town.watch("zhao", "overview")
    town.watch("wang", "overview")
    town.settle()
    town.put(("consultation", msgspec.structs.replace(record, locked=True)))
    assert town.settle() == 1
    town.put(("consultation", msgspec.structs.replace(record, locked=True, announcement="不在概览中")))
    assert town.settle() == 0


def test_people_with_the_same_rights_share_one_frame() -> None:
    roles = (Role("observer", "city"),)
    crowd = [(f"p{n}", Person(id=f"p{n}", unit="county", name="众", login=f"p{n}", roles=roles)) for n in range(50)]
    town = Town()
    town.put(*(("person", person) for _, person in crowd))
    for name, _ in crowd:
        town.watch(name, "overview")
    town.settle()
    town.consultation("c")
    assert town.settle() == 1
    assert all(pages.ids("overview", "consultation") == {"c"} for pages in town.pages.values())


def test_who_was_away_gets_what_was_missed_and_not_more() -> None:
    town = Town()
    record = town.consultation("c")
    town.watch("li", "consultation:c")
    town.topics.leave("li", town.now)
    for n in range(3):
        town.put(("consultation", msgspec.structs.replace(record, announcement=str(n))))
        town.settle()
    pages = town.watch("li", "consultation:c")
    assert [message["reset"] for message in pages.received] == [True, False, False, False]
    assert pages.record("consultation:c", "consultation", "c")["announcement"] == "2"


def test_who_was_away_for_too_many_changes_begins_anew() -> None:
    town = Town()
    record = town.consultation("c")
    town.watch("li", "consultation:c")
    seq = town.pages["li"].held["consultation:c"].seq
    town.topics.leave("li", town.now)
    for n in range(MAX_KEPT + 1):
        town.put(("consultation", msgspec.structs.replace(record, announcement=str(n))))
        town.settle()
    held = town.watch("li", "consultation:c").held["consultation:c"]
    assert held.seq == seq + MAX_KEPT + 1
    assert held.records["consultation", "c"]["announcement"] == str(MAX_KEPT)


def test_a_topic_nobody_watches_is_forgotten_after_a_while() -> None:
    town = Town()
    town.consultation("c")
    first = town.watch("li", "consultation:c").held["consultation:c"].seq
    town.topics.leave("li", town.now)
    town.topics.sweep(town.now + LINGER_S)
    assert "consultation:c" in town.topics
    town.topics.sweep(town.now + LINGER_S + 1)
    assert "consultation:c" not in town.topics
    # A number of the forgotten stream means nothing in the new one.
    assert town.watch("li", "consultation:c").held["consultation:c"].seq > first


PEOPLE = ("wang", "li", "zhao", "qian", "sun")
UNITS = ("province", "city", "county", "town", "other")
ENDPOINTS = ("camera", "drone")
CONSULTATIONS = ("c1", "c2")
SOURCES = ("camera", "drone", "zhao.tab", "li.tab", "stranger")
TOPICS = (
    "overview",
    "places",
    "consultation:c1",
    "consultation:c2",
    "unit:root",
    "unit:province",
    "unit:county",
    "unit:town",
    "nonsense",
)
people, units = st.sampled_from(PEOPLE), st.sampled_from(UNITS)
consultations = st.sampled_from(CONSULTATIONS)
roles = st.builds(Role, st.sampled_from(("administrator", "duty-officer", "member", "observer")), units)
whoms = st.one_of(people.map("person:{}".format), units.map("unit:{}".format))
invitations = st.lists(whoms, max_size=2, unique=True).map(lambda all: tuple(Invitation(item, "li", 1) for item in all))


class AnyChanges(RuleBasedStateMachine):
    """Pages come, go and come back while everything changes: each holds what a newcomer would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.town = Town()
        self.serial = 0

    @initialize()
    def begin(self) -> None:
        for identifier in CONSULTATIONS:
            self.town.consultation(identifier)
        for person in PEOPLE:
            for topic in TOPICS:
                self.town.watch(f"{person}/1", topic)

    @rule(
        page=st.sampled_from([f"{person}/{tab}" for person in PEOPLE for tab in (1, 2)]), topic=st.sampled_from(TOPICS)
    )
    def watch(self, page: str, topic: str) -> None:
        if not (page in self.town.pages and topic in self.watching(page)):
            self.town.watch(page, topic)

    @rule(data=st.data())
    def unwatch(self, data: st.DataObject) -> None:
        page = data.draw(st.sampled_from(sorted(self.town.pages) or ["wang/1"]))
        topic = data.draw(st.sampled_from(TOPICS))
        self.town.topics.unwatch(page, topic, self.town.now)
        if page in self.town.pages:
            self.town.pages[page].held.pop(topic, None)

    @rule(data=st.data())
    def break_off(self, data: st.DataObject) -> None:
        page = data.draw(st.sampled_from(sorted(self.town.pages) or ["wang/1"]))
        self.town.topics.leave(page, self.town.now)

    @rule()
    def come_back(self) -> None:
        for page, pages in self.town.pages.items():
            for topic in set(pages.held) - self.watching(page):
                self.town.watch(page, topic)

    @rule(seconds=st.sampled_from((0.01, 0.1, 1.0, 61.0)))
    def time_passes(self, seconds: float) -> None:
        self.town.now += seconds
        self.town.presence.handle_timer(self.town.now_us)
        self.town.changes.passed(self.town.now_us)
        self.town.topics.handle_timer(self.town.now, self.town.now_us)
        self.town.deliver()
        self.town.topics.sweep(self.town.now)

    @rule(name=st.sampled_from(("甲", "乙")), unit=units, parent=st.sampled_from(("province", "city", "other")))
    def change_unit(self, name: str, unit: str, parent: str) -> None:
        record = self.town.tables.units.get(unit)
        moved = unit in ("county", "town")
        self.put("unit", msgspec.structs.replace(record, name_en=name, parent=parent if moved else record.parent))

    @rule(level=st.sampled_from(("province", "county")))
    def add_unit_and_take_one_away(self, level: str) -> None:
        self.serial += 1
        new = Unit(id=f"new{self.serial}", parent=level, level="mobile", name_zh="新")  # type: ignore[arg-type]
        self.put("unit", new)
        self.town.drop("unit", f"new{self.serial - 1}")

    @rule(
        person=people, held=st.lists(roles, max_size=2), unit=units, disabled=st.booleans(), title=st.text(max_size=2)
    )
    def change_person(self, person: str, held: list[Role], unit: str, disabled: bool, title: str) -> None:
        self.put(
            "person",
            Person(
                id=person,
                unit=unit,
                name=title or person,
                login=person,
                roles=tuple(held),
                disabled=disabled,
                title=title,
            ),
        )

    @rule(endpoint=st.sampled_from(ENDPOINTS), unit=units)
    def move_endpoint(self, endpoint: str, unit: str) -> None:
        self.put("endpoint", msgspec.structs.replace(self.town.tables.endpoints.get(endpoint), unit=unit))

    @rule(
        identifier=consultations,
        unit=units,
        chair=people,
        deputies=st.lists(people, max_size=1).map(tuple),
        stage=st.sampled_from(Stage),
        invited=invitations,
        locked=st.booleans(),
    )
    def change_consultation(
        self,
        identifier: str,
        unit: str,
        chair: str,
        deputies: tuple[str, ...],
        stage: Stage,
        invited: tuple[Invitation, ...],
        locked: bool,
    ) -> None:
        before = self.town.tables.consultations.get(identifier)
        self.put(
            "consultation",
            Consultation(
                id=identifier,
                title="题",
                unit=before.unit,
                chair=chair,
                deputies=deputies,
                # No act opens an ended one again.
                stage=Stage.ENDED if before.stage is Stage.ENDED else stage,
                invitations=invited,
                locked=locked,
            ),
        )

    @rule(
        consultation=consultations,
        person=people,
        attendance=st.sampled_from(Attendance),
        sources=st.lists(st.sampled_from(SOURCES), max_size=2, unique=True).map(tuple),
    )
    def change_participant(
        self, consultation: str, person: str, attendance: Attendance, sources: tuple[str, ...]
    ) -> None:
        record = Participant(
            id=f"{consultation}-{person}",
            consultation=consultation,
            unit="town",
            name=person,
            person=person,
            attendance=attendance,
            sources=sources,
        )
        self.put("participant", record)

    @rule(consultation=consultations, count=st.sampled_from((1, 3, 150)))
    def say(self, consultation: str, count: int) -> None:
        for _ in range(count):
            self.serial += 1
            text = Message(
                id=f"m{self.serial:06}", consultation=consultation, person="li", name="李", text="好", at_us=self.serial
            )
            self.town.tables.messages.put(text)
        self.town.changes.apply(self.town.tables.commit())

    @rule(
        verb=st.sampled_from(("see", "view", "chair", "manage")),
        to=whoms,
        thing=st.sampled_from(("unit:province", "unit:town", "consultation:c1", "source:drone", "unit:county")),
        begins=st.sampled_from((0, 2, 30)),
        lasts=st.sampled_from((1, 50)),
        number=st.integers(0, 2),
    )
    def grant(self, verb: str, to: str, thing: str, begins: int, lasts: int, number: int) -> None:
        from_us = self.town.now_us + begins * SECOND_US
        until_us = from_us + lasts * SECOND_US
        self.put(
            "grant",
            Grant(id=f"g{number}", verb=verb, object=thing, to=to, from_us=from_us, until_us=until_us, by="wang"),
        )

    @rule(number=st.integers(0, 2))
    def revoke(self, number: int) -> None:
        self.town.drop("grant", f"g{number}")

    @rule(source=st.sampled_from(SOURCES), what=st.sampled_from(("publish", "live", "withdraw", "stop")))
    def change_source(self, source: str, what: str) -> None:
        known = self.town.sources.find(source)
        if what == "publish":
            self.town.sources.publish(source, "", "s", self.town.now_us)
        elif known is not None and what == "live":
            self.town.sources.observe(source, heard=known.state is SourceState.SILENT, now_us=self.town.now_us)
        elif known is not None and what == "withdraw":
            self.town.sources.withdraw(source, "s", self.town.now_us)
        elif known is not None:
            self.town.sources.stop(source)

    @rule(person=people, comes=st.booleans(), for_good=st.booleans())
    def come_or_go(self, person: str, comes: bool, for_good: bool) -> None:
        if comes:
            self.town.presence.connect(person, "x", self.town.now_us)
        else:
            self.town.presence.disconnect(person, "x", self.town.now_us, for_good=for_good)

    @rule(consultation=consultations, who=st.sampled_from(("", "c1-li")))
    def speak(self, consultation: str, who: str) -> None:
        self.town.changes.speaking(consultation, who, {who: -20} if who else {})

    @rule()
    def everything_is_sent(self) -> None:
        self.come_back()
        self.town.settle()
        self.agree_with_newcomers()
        self.see_what_is_permitted()

    @invariant()
    def never_holds_what_another_audience_was_sent_after_it_lost_its_right(self) -> None:
        # Asked again before anything else is sent, so that a right that has gone ends the topic at once.
        self.town.topics.handle_timer(self.town.now, self.town.now_us)
        self.town.deliver()
        for page in self.town.pages:
            for topic in self.watching(page):
                self.town.views.audience(topic, page.partition("/")[0], self.town.now_us)

    def put(self, kind: str, record: Any) -> None:
        self.town.put((kind, record))

    def watching(self, page: str) -> set[str]:
        return set(self.town.topics.watched(page))

    def agree_with_newcomers(self) -> None:
        views = self.town.fresh_views()
        views.shapes.speakers = self.town.views.shapes.speakers
        now_us = self.town.now_us
        for page, pages in self.town.pages.items():
            for topic, held in pages.held.items():
                audience = views.audience(topic, page.partition("/")[0], now_us)
                made = {key: views.record(topic, audience, key, now_us) for key in views.keys(topic, audience, now_us)}
                expected = {key: msgspec.json.decode(record) for key, record in made.items() if record is not None}
                assert held.records == expected, (page, topic)

    def see_what_is_permitted(self) -> None:
        tables, permissions, now_us = self.town.tables, self.town.permissions, self.town.now_us
        for page, pages in self.town.pages.items():
            actor = Actor(page.partition("/")[0])

            def may(right: Right, target: str, actor: Actor = actor) -> bool:
                return permissions.may(actor, right, target, now_us)

            running = {item.id for item in tables.consultations if item.stage is not Stage.ENDED}
            if "overview" in pages.held and "places" in pages.held:
                shown = pages.ids("overview", "consultation"), pages.ids("places", "consultation")
                assert not shown[0] & shown[1]
                assert shown[0] | shown[1] == {item for item in running if may(Right.SEE, f"consultation:{item}")}
                assert pages.ids("places", "place") <= shown[0] | shown[1]
            if "overview" in pages.held:
                # One's own are one's own by name, which nobody shares; the overview has what roles and grants show.
                others = {item.id for item in self.town.sources.all() if not item.id.startswith(f"{actor.person}.")}
                seen = {item for item in others if permissions.may_source(actor, Right.SEE, item, now_us)}
                assert pages.ids("overview", "source") & others == seen
            for topic in pages.held:
                kind = topic.partition(":")[0]
                if kind == "consultation":
                    assert may(Right.VIEW, topic)
                for of, item in pages.held[topic].records if kind == "unit" else ():
                    assert may(Right.SEE, f"{of}:{item}"), (page, topic, of, item)
                for of, item in pages.held[topic].records:
                    for right in map(Right, pages.record(topic, of, item).get("may", ())):
                        if of == "source":
                            assert permissions.may_source(actor, right, item, now_us)
                        else:
                            assert may(right, f"{'consultation' if of == 'place' else of}:{item}")


AnyChanges.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyChanges = AnyChanges.TestCase


def test_a_record_that_cannot_be_made_keeps_no_other_from_the_pages() -> None:
    town = Town()
    record = town.consultation("c")
    pages = town.watch("wang", "overview")
    town.sources.publish("camera", "\ud800", "s", 1)
    town.put(("consultation", msgspec.structs.replace(record, locked=True)))
    town.settle()
    assert pages.record("overview", "consultation", "c")["locked"] and pages.ids("overview", "source") == set()
    assert town.watch("li", "overview").ids("overview", "consultation") == {"c"}


def test_a_refused_topic_is_gone_with_a_code() -> None:
    town = Town()
    town.consultation("c")
    gone = {}
    for topic in ("nonsense", "consultation:none", "consultation:c", "unit:none", "overview:x"):
        gone[topic] = town.watch("zhao", topic).gone.get(topic)
    assert gone == {
        "nonsense": "topic-unknown",
        "consultation:none": "consultation-unknown",
        "consultation:c": "forbidden",
        "unit:none": "unit-unknown",
        "overview:x": "topic-unknown",
    }
    try:
        town.views.audience("overview", "nobody", town.now_us)
    except Refused as refusal:
        assert refusal.code == "forbidden"
    else:
        raise AssertionError("nobody sees nothing")
