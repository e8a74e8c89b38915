"""What a change does to the pages it concerns: rights that come and go, names, counts, texts."""

from __future__ import annotations

import msgspec
import pytest

from dispatch.presence import GRACE_US
from dispatch.records import (
    EMERGENCY,
    Attendance,
    Endpoint,
    EndpointKind,
    Grant,
    Invitation,
    Message,
    Participant,
    Policy,
    Role,
    Stage,
)
from signaling.ws.views import MAX_MESSAGES
from tests.signaling.ws.town import SECOND_US, Town


def participant(town: Town, person: str, attendance: Attendance, *sources: str) -> None:
    record = Participant(
        id=f"p-{person}",
        consultation="c",
        unit="town",
        name="人",
        person=person,
        attendance=attendance,
        sources=sources,
    )
    town.put(("participant", record))
    town.settle()


def test_who_is_removed_loses_the_consultation_and_its_place_at_once() -> None:
    town = Town()
    town.consultation("c", invitations=(Invitation("unit:town", "li", 1),))
    pages = town.watch("sun", "places")
    participant(town, "sun", Attendance.PRESENT)
    town.watch("sun", "consultation:c")
    assert pages.record("places", "place", "c")["mine"] == "present"
    assert pages.record("places", "place", "c")["may"] == ["see", "view", "talk"]
    assert pages.record("places", "consultation", "c")["present"] == 1
    participant(town, "sun", Attendance.REMOVED)
    assert pages.gone == {"consultation:c": "forbidden"}
    assert pages.held["places"].records == {}


def test_who_waits_sees_that_it_waits_and_nothing_of_what_is_said() -> None:
    town = Town()
    town.consultation("c", invitations=(Invitation("person:sun", "li", 1),))
    pages = town.watch("sun", "places")
    assert pages.record("places", "place", "c") == {"id": "c", "mine": "invited", "participant": "", "may": ["see"]}
    participant(town, "sun", Attendance.WAITING)
    assert pages.record("places", "place", "c")["mine"] == "waiting"
    assert town.watch("sun", "consultation:c").gone == {"consultation:c": "forbidden"}


def test_the_end_of_a_consultation_ends_its_topic_with_that_code() -> None:
    town = Town()
    record = town.consultation("c")
    participant(town, "zhao", Attendance.PRESENT)
    pages = town.watch("zhao", "consultation:c")
    town.watch("zhao", "places")
    leading = town.watch("wang", "consultation:c")
    town.changes.speaking("c", "p-zhao", {"p-zhao": -20})
    town.settle()
    assert leading.ids("consultation:c", "speaking") == {"c"}
    town.put(("consultation", msgspec.structs.replace(record, stage=Stage.ENDED)))
    participant(town, "zhao", Attendance.LEFT)
    assert leading.record("consultation:c", "consultation", "c")["stage"] == "ended"
    assert leading.ids("consultation:c", "speaking") == set()
    assert pages.gone == {"consultation:c": "consultation-ended"}
    assert pages.held["places"].records == {}


def test_consultations_of_the_past_are_not_gone_through_for_those_who_were_in_them() -> None:
    town = Town()
    record = town.consultation("c")
    participant(town, "zhao", Attendance.PRESENT)
    assert set(town.views.keys("places", "zhao", town.now_us)) == {("place", "c"), ("consultation", "c")}
    town.put(("consultation", msgspec.structs.replace(record, stage=Stage.ENDED)))
    assert list(town.views.keys("places", "zhao", town.now_us)) == []


def test_a_dismissed_deputy_loses_the_consultation() -> None:
    town = Town()
    record = town.consultation("c", deputies=("qian",))
    pages = town.watch("qian", "consultation:c")
    town.watch("qian", "places")
    assert "chair" in pages.record("places", "place", "c")["may"]
    town.put(("consultation", msgspec.structs.replace(record, deputies=())))
    town.settle()
    assert pages.gone == {"consultation:c": "forbidden"} and pages.held["places"].records == {}


@pytest.mark.parametrize("whom", ["person:sun", "unit:town", "unit:province"])
def test_an_invitation_reaches_those_it_names_at_once(whom: str) -> None:
    town = Town()
    record = town.consultation("c")
    pages, other = town.watch("sun", "places"), town.watch("qian", "places")
    town.settle()
    town.put(("consultation", msgspec.structs.replace(record, invitations=(Invitation(whom, "li", 1),))))
    town.settle()
    assert pages.record("places", "consultation", "c")["title"] == "防汛"
    assert bool(other.held["places"].records) == (whom == "unit:province")
    town.put(("consultation", record))
    town.settle()
    assert pages.held["places"].records == other.held["places"].records == {}


def test_the_overview_tells_what_ones_role_allows_and_places_what_ones_place_does() -> None:
    town = Town()
    town.consultation("c", unit="town", chair="wang")
    participant(town, "li", Attendance.PRESENT)
    pages = town.watch("li", "overview")
    town.watch("li", "places")
    assert "chair" in pages.record("overview", "consultation", "c")["may"]
    assert "chair" in pages.record("places", "place", "c")["may"]
    assert pages.ids("places", "consultation") == set()


def test_a_lost_role_takes_the_records_away_and_a_new_one_brings_them() -> None:
    town = Town()
    town.consultation("c", unit="town", chair="wang")
    pages = town.watch("li", "overview")
    town.watch("li", "consultation:c")
    assert pages.ids("overview", "consultation") == {"c"}
    li = town.tables.people.get("li")
    town.put(("person", msgspec.structs.replace(li, roles=())))
    town.settle()
    assert pages.held["overview"].records == {} and pages.gone == {"consultation:c": "forbidden"}
    town.put(("person", msgspec.structs.replace(li, roles=(Role("observer", "town"),))))
    town.settle()
    assert pages.ids("overview", "consultation") == {"c"}


def test_a_disabled_person_loses_every_topic() -> None:
    town = Town()
    for topic in ("overview", "places", "unit:root"):
        pages = town.watch("li", topic)
    town.put(("person", msgspec.structs.replace(town.tables.people.get("li"), disabled=True)))
    town.settle()
    assert pages.gone == dict.fromkeys(("overview", "places", "unit:root"), "forbidden")


def test_a_unit_that_moves_takes_its_consultations_to_its_new_superiors() -> None:
    town = Town()
    town.consultation("c", unit="town", chair="wang")
    li, qian = town.watch("li", "overview"), town.watch("qian", "overview")
    town.watch("li", "consultation:c")
    assert (li.ids("overview", "consultation"), qian.ids("overview", "consultation")) == ({"c"}, set())
    town.put(("unit", msgspec.structs.replace(town.tables.units.get("town"), parent="other")))
    town.settle()
    assert (li.ids("overview", "consultation"), qian.ids("overview", "consultation")) == (set(), {"c"})
    assert li.gone == {"consultation:c": "forbidden"}


@pytest.mark.parametrize("to", ["person:qian", "unit:other"])
def test_a_grant_holds_from_its_beginning_to_its_end(to: str) -> None:
    town = Town()
    town.consultation("c")
    pages = town.watch("qian", "overview")
    begin, end = town.now_us + 10 * SECOND_US, town.now_us + 20 * SECOND_US
    for number, verb in enumerate(("see", "view")):
        grant = Grant(id=f"g{number}", verb=verb, object="unit:county", to=to, from_us=begin, until_us=end, by="wang")
        town.put(("grant", grant))
    town.settle()
    assert pages.ids("overview", "consultation") == set()
    town.now += 10
    town.settle()
    assert pages.record("overview", "consultation", "c")["may"] == ["see", "view"]
    town.watch("qian", "consultation:c")
    town.watch("qian", "places")
    town.now += 10
    town.settle()
    assert pages.ids("overview", "consultation") == set() and pages.gone == {"consultation:c": "forbidden"}


def test_a_grant_that_is_given_and_taken_back_shows_in_the_rights_of_a_place() -> None:
    town = Town()
    town.consultation("c")
    participant(town, "zhao", Attendance.PRESENT)
    pages = town.watch("zhao", "places")
    for right in ("see", "record"):
        grant = Grant(
            id=right, verb=right, object="consultation:c", to="person:zhao", from_us=0, until_us=1 << 60, by="wang"
        )
        town.put(("grant", grant))
    town.settle()
    assert pages.record("places", "place", "c")["may"] == ["see", "view", "talk", "record"]
    assert pages.ids("places", "consultation") == set(), "the overview has it now"
    town.drop("grant", "see")
    town.settle()
    assert pages.ids("places", "consultation") == {"c"}
    assert town.watch("zhao", "overview").ids("overview", "consultation") == set()


def test_a_renamed_unit_is_renamed_wherever_it_is_named() -> None:
    town = Town()
    town.sources.publish("camera", "桥头", "s", 1)
    town.sources.publish("zhao.tab", "赵敏", "s", 1)
    town.consultation("c", unit="town", chair="wang")
    participant(town, "zhao", Attendance.PRESENT, "zhao.tab")
    pages = town.watch("wang", "overview")
    for topic in ("consultation:c", "unit:county"):
        town.watch("wang", topic)
    town.put(("unit", msgspec.structs.replace(town.tables.units.get("town"), name_zh="新桥镇")))
    town.settle()
    assert pages.record("unit:county", "unit", "town")["name_zh"] == "新桥镇"
    named = [
        ("overview", "consultation", "c"),
        ("overview", "source", "camera"),
        ("overview", "source", "zhao.tab"),
        ("consultation:c", "consultation", "c"),
        ("consultation:c", "participant", "p-zhao"),
        ("consultation:c", "source", "zhao.tab"),
    ]
    assert [pages.record(*key)["unit_name"] for key in named] == ["新桥镇"] * len(named)


def test_counts_of_a_unit_follow_who_comes_and_what_goes_live_far_below() -> None:
    town = Town()
    pages = town.watch("wang", "unit:root")

    def counted() -> tuple[int, ...]:
        town.settle()
        record = pages.record("unit:root", "unit", "province")
        return tuple(record[name] for name in ("units", "people", "endpoints", "present", "live"))

    assert counted() == (4, 5, 2, 0, 0)
    town.presence.connect("sun", "a", 1)
    town.presence.connect("sun", "b", 1)
    town.sources.publish("camera", "", "s", 1)
    town.sources.observe("camera", heard=True, now_us=2)
    town.put(("endpoint", Endpoint(id="new", unit="town", kind=EndpointKind.ROOM, name_zh="会议室")))
    assert counted() == (4, 5, 3, 1, 1)
    town.presence.disconnect("sun", "a", 3)
    assert counted() == (4, 5, 3, 1, 1)
    town.presence.disconnect("sun", "b", 3, for_good=True)
    town.sources.withdraw("camera", "s", 3)
    town.drop("endpoint", "new")
    assert counted() == (4, 5, 2, 0, 0)


def test_a_page_that_is_loaded_again_does_not_show() -> None:
    town = Town()
    pages = town.watch("wang", "unit:town")
    town.presence.connect("sun", "a", 1)
    assert town.settle() > 0 and pages.record("unit:town", "person", "sun")["online"]
    town.presence.disconnect("sun", "a", 2)
    town.presence.handle_timer(1 + GRACE_US)
    town.presence.connect("sun", "b", 1 + GRACE_US)
    assert town.settle() == 0
    town.presence.disconnect("sun", "b", 2 * GRACE_US)
    town.presence.handle_timer(3 * GRACE_US)
    town.settle()
    record = pages.record("unit:town", "person", "sun")
    assert (record["online"], record["since_us"]) == (False, 2 * GRACE_US)


def test_only_who_manages_the_directory_is_told_how_people_sign_in() -> None:
    town = Town()
    told = {person: town.watch(person, "unit:town").record("unit:town", "person", "sun") for person in ("li", "qian")}
    assert (told["li"]["login"], told["qian"]["login"]) == ("sun", "")


def test_the_newest_texts_push_out_the_oldest() -> None:
    town = Town()
    town.consultation("c")
    pages = town.watch("li", "consultation:c")
    for n in range(MAX_MESSAGES + 5):
        text = Message(id=f"m{n:04}", consultation="c", person="li", name="李娜", text="好", at_us=n)
        town.put(("message", text))
        if n % 3 == 0:
            town.settle()
    town.settle()
    assert pages.ids("consultation:c", "message") == {f"m{n:04}" for n in range(5, MAX_MESSAGES + 5)}


def test_a_participant_is_online_with_its_person_or_its_source() -> None:
    town = Town()
    town.consultation("c")
    participant(town, "sun", Attendance.PRESENT)
    camera = Participant(
        id="p-camera",
        consultation="c",
        unit="town",
        name="桥头",
        source="camera",
        sources=("camera",),
        attendance=Attendance.PRESENT,
    )
    town.put(("participant", camera))
    pages = town.watch("li", "consultation:c")

    def online() -> list[bool]:
        town.settle()
        return [pages.record("consultation:c", "participant", item)["online"] for item in ("p-sun", "p-camera")]

    assert online() == [False, False] and pages.ids("consultation:c", "source") == set()
    town.presence.connect("sun", "a", 1)
    town.sources.publish("camera", "", "s", 1)
    assert online() == [True, True] and pages.ids("consultation:c", "source") == {"camera"}
    town.changes.speaking("c", "p-sun", {"p-sun": -20})
    town.settle()
    assert pages.record("consultation:c", "speaking", "c") == {
        "id": "c",
        "participant": "p-sun",
        "levels": {"p-sun": -20},
    }


def test_a_source_published_with_the_node_s_own_token_is_for_those_who_have_the_right_to_the_node() -> None:
    town = Town()
    town.sources.publish("stranger", "", "s", 1)
    town.sources.publish("zhao.tab", "", "s", 1)
    may = {
        person: [
            town.watch(person, "overview").record("overview", "source", item)["may"]
            for item in ("stranger", "zhao.tab")
        ]
        for person in ("wang", "li", "qian")
    }
    assert may == {
        "wang": [["view", "steer", "record"], ["view", "steer", "record"]],
        "li": [[], ["view", "steer", "record"]],
        "qian": [[], []],
    }


def test_emergency_is_told_above_and_below_its_unit_and_to_who_may_end_it() -> None:
    town = Town()
    pages = {person: town.watch(person, "places") for person in ("wang", "li", "zhao", "qian")}
    policy = Policy(id="e", unit="county", what="all", why=EMERGENCY, reason="溃堤", by="li", from_us=7)
    town.put(("policy", policy), ("policy", Policy(id="p", unit="county", what="all")))
    town.settle()
    held = {person: page.held["places"].records for person, page in pages.items()}
    assert [person for person, records in held.items() if ("emergency", "e") in records] == ["wang", "li", "zhao"]
    assert not any(("emergency", "p") in records for records in held.values()), "a policy is no emergency"
    told = held["zhao"]["emergency", "e"]
    assert (told["unit_name"], told["by_name"], told["reason"], told["may"]) == ("青溪县", "李娜", "溃堤", [])
    assert held["li"]["emergency", "e"]["may"] == ["record"]
    town.put(("unit", msgspec.structs.replace(town.tables.units.get("county"), name_zh="青溪市")))
    town.settle()
    assert pages["zhao"].record("places", "emergency", "e")["unit_name"] == "青溪市"
    qian = msgspec.structs.replace(town.tables.people.get("qian"), roles=(Role("operator", "county"),))
    town.put(("person", qian))
    town.settle()
    assert pages["qian"].record("places", "emergency", "e")["may"] == ["record"]
    town.drop("policy", "e")
    town.settle()
    assert not any(("emergency", "e") in page.held["places"].records for page in pages.values())
