"""Every record a page is sent has the fields that docs/api.md gives it, no more and no fewer."""

from __future__ import annotations

import re

import msgspec
import pytest

from dispatch.records import EMERGENCY, Attendance, Invitation, Message, Participant, Policy, RollCall
from tests.signaling.ws.client import Json
from tests.signaling.ws.test_messages import API
from tests.signaling.ws.town import Town

SHORT = "`consultation` short"


def documented(name: str) -> set[str]:
    """Give the fields of a record's description: what stands in backticks before what explains it in brackets."""
    text = re.split(r"\n- |\n\n", API[API.index(f"- {name}") + 2 :])[0].removeprefix(name)
    while "(" in text:
        text = re.sub(r"\([^()]*\)", "", text)
    return set(re.findall(r"`(\w+)`", text))


@pytest.fixture
def sent() -> dict[tuple[str, str], Json]:
    """One record of every kind in every topic."""
    town = Town()
    town.sources.publish("zhao.tab", "赵敏", "s", 1)
    roll = RollCall("li", 1)
    town.consultation("c", roll=roll, invitations=(Invitation("unit:town", "li", 1),))
    participant = Participant(
        id="p",
        consultation="c",
        unit="town",
        name="赵敏",
        person="zhao",
        attendance=Attendance.PRESENT,
        sources=("zhao.tab",),
    )
    text = Message(id="m", consultation="c", person="zhao", name="赵敏", text="好", at_us=1)
    policy = Policy(id="e", unit="county", what="all", why=EMERGENCY, reason="溃堤", by="li")
    town.put(("participant", participant), ("message", text), ("policy", policy))
    town.changes.speaking("c", "p", {"p": -9})
    for topic in ("overview", "places", "consultation:c", "unit:town", "unit:county"):
        pages = town.watch("zhao", topic)
    town.watch("wang", "overview")
    town.settle()
    pages.held["overview of wang"] = town.pages["wang"].held["overview"]
    return {(topic, kind): record for topic, held in pages.held.items() for (kind, _), record in held.records.items()}


@pytest.mark.parametrize(
    ("topic", "kind", "name"),
    [
        ("overview of wang", "consultation", SHORT),
        ("places", "consultation", SHORT),
        ("places", "place", "`place`"),
        ("places", "emergency", "`emergency`"),
        ("consultation:c", "participant", "`participant`"),
        ("consultation:c", "message", "`message`"),
        ("consultation:c", "speaking", "`speaking`"),
        ("unit:county", "unit", "`unit`"),
        ("unit:town", "person", "`person`"),
        ("unit:town", "endpoint", "`endpoint`"),
    ],
)
def test_a_record_has_the_fields_that_are_documented(
    sent: dict[tuple[str, str], Json], topic: str, kind: str, name: str
) -> None:
    assert set(sent[topic, kind]) - {"id"} == documented(name) - {"manage", "offline", "id"}


def test_a_source_has_rights_in_the_overview_only(sent: dict[tuple[str, str], Json]) -> None:
    fields = {
        "id",
        "name",
        "unit",
        "unit_name",
        "unit_name_en",
        "level",
        "kind",
        "person",
        "state",
        "since_us",
        "tracks",
        "recording",
    }
    assert set(sent["overview", "source"]) == {*fields, "may"} and set(sent["consultation:c", "source"]) == fields
    assert fields - {"id"} <= documented("`source`")


def test_the_full_form_of_a_consultation_has_more_but_no_rights(sent: dict[tuple[str, str], Json]) -> None:
    without = {"may", "present", "waiting"}
    full = documented("`consultation` full") - without
    assert set(sent["consultation:c", "consultation"]) - {"id"} == (documented(SHORT) - without) | full
    assert full == {"admission", "deputies", "spotlight", "announcement", "announced_us", "invitations", "roll"}


def test_names_of_any_script_pass_unchanged() -> None:
    town = Town()
    name = 'العربية <script>alert("1")</script> 👩‍🚒 \\u0000'
    town.put(("person", msgspec.structs.replace(town.tables.people.get("sun"), name=name)))
    assert town.watch("wang", "unit:town").record("unit:town", "person", "sun")["name"] == name
