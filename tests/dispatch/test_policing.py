"""What policies want recorded is what is recorded: once each, none left over, whatever comes and goes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch import policing
from dispatch.acts import recordings
from dispatch.acts.base import Act
from dispatch.acts.consultation import Create as Hold
from dispatch.acts.consultation import End as EndConsultation
from dispatch.acts.ordered import Order, Release
from dispatch.acts.policies import Begin, Change, Create, End, Remove
from dispatch.acts.recordings import Begin as Record
from dispatch.acts.recordings import Pause
from dispatch.errors import Refused
from dispatch.policing import GONE_US, Policing
from dispatch.records import DAY_US, RETENTIONS, EndpointKind, Policy, Recording
from tests.dispatch.acts.test_consultation import refusal
from tests.dispatch.world import SECOND_US, World

DRONES = (EndpointKind.DRONE,)


class County(World):
    """With the node's care over it; `camera` (of W) and `drone` (of E) are its devices, `east.tab` a page's source."""

    def __init__(self) -> None:
        super().__init__()
        drone = msgspec.structs.replace(self.tables.endpoints.get("camera"), id="drone", unit="E", kind="drone")
        self.tables.endpoints.put(msgspec.structs.replace(drone, kind=EndpointKind.DRONE))
        self.tables.commit()
        self.live: set[str] = set()
        self.policing = Policing(self.tables)

    def look(self) -> list[Act]:
        """Do what is due now, and a second later what is due then, until nothing is."""
        done: list[Act] = []
        for _ in range(4):
            acts = self.policing.due(frozenset(self.live), self.now_us)
            for act in acts:
                self.do(act, "")
            done += acts
        assert not self.policing.due(frozenset(self.live), self.now_us)
        return done

    def running(self) -> dict[str, Recording]:
        """By what they are of; each is there once."""
        found = [item for item in self.tables.recordings if not item.ended_us]
        assert len({item.of for item in found}) == len(found)
        return {item.of: item for item in found}


def test_policy_for_drones_records_them_while_they_are_live_and_nothing_else() -> None:
    county = County()
    policy = county.do(Create(unit="C", what="sources", kinds=DRONES, retention="brief"))
    assert county.look() == []
    county.live |= {"camera", "drone", "east.tab", "gate"}
    county.look()
    (kept,) = county.running().values()
    assert (kept.of, kept.unit, kept.why, kept.by, kept.policy) == ("source:drone", "E", "policy", "officer", policy)
    assert (kept.retention, kept.title) == ("brief", "河堤")
    county.live.remove("drone")
    assert county.look() == [], "it may come back"
    county.now_us += GONE_US - 2 * SECOND_US
    county.live.add("drone")
    county.look()
    county.live.remove("drone")
    county.look()
    county.now_us += GONE_US - 2 * SECOND_US
    county.look()
    assert county.running()
    county.now_us += 2 * SECOND_US
    assert county.look() == [Release(recording=kept.id, gone=True)]
    assert not county.running()


def test_source_of_no_unit_is_under_the_policies_of_the_roots() -> None:
    county = County()
    county.live.add("gate")
    county.do(Begin(unit="C", reason="溃堤"))
    assert county.look() == []
    county.do(Begin(unit="P", reason="地震"), "chief")
    county.look()
    assert county.running()["source:gate"].unit == ""


def test_clock_that_is_set_back_delays_nothing() -> None:
    county = County()
    county.do(Create(unit="C", what="sources"))
    county.live.add("camera")
    county.look()
    county.live.clear()
    county.look()
    county.now_us -= 3600 * SECOND_US
    county.look()
    county.now_us += GONE_US
    county.look()
    assert not county.running()


def test_consultations_of_a_unit_are_recorded_until_they_end() -> None:
    county = County()
    county.do(Create(unit="C", what="consultations"))
    consultation = county.hold("east")
    county.do(Hold(title="另一个", unit="P"), "chief")
    county.live |= {"camera"}
    county.look()
    assert set(county.running()) == {f"consultation:{consultation}"}
    county.do(EndConsultation(consultation=consultation))
    assert county.look() == [] and not county.running()


def test_emergency_records_all_lengthens_what_is_recorded_and_leaves_it_when_it_ends() -> None:
    county = County()
    consultation = county.hold("east")
    asked = county.do(Record(of=f"consultation:{consultation}"))
    county.do(Pause(recording=asked, paused=True))
    county.do(Create(unit="E", what="sources", retention="brief"))
    county.live |= {"camera", "drone", "east.tab"}
    county.look()
    assert set(county.running()) == {f"consultation:{consultation}", "source:drone", "source:east.tab"}
    county.do(Begin(unit="C", reason="溃堤"))
    assert county.do(Begin(unit="C", reason="又一次")), "the same one"
    county.look()
    running = county.running()
    assert set(running) == {f"consultation:{consultation}", "source:drone", "source:east.tab", "source:camera"}
    assert {item.retention for item in running.values()} == {"lasting"}
    assert not running[f"consultation:{consultation}"].paused_us
    assert refusal(county, Pause(recording=asked, paused=True)) == "recording-by-emergency"
    assert refusal(county, recordings.End(recording=asked)) == "recording-by-emergency"
    county.do(End(unit="C"))
    county.look()
    assert set(county.running()) == {f"consultation:{consultation}", "source:drone", "source:east.tab"}
    county.do(Pause(recording=asked, paused=True))
    county.do(recordings.End(recording=asked))
    assert refusal(county, End(unit="C")) == "emergency-none"


def test_what_a_policy_wants_is_paused_but_not_ended_by_hand() -> None:
    county = County()
    consultation = county.hold("east")
    policy = county.do(Create(unit="C", what="consultations"))
    county.look()
    recording = county.running()[f"consultation:{consultation}"].id
    county.do(Pause(recording=recording, paused=True))
    assert refusal(county, recordings.End(recording=recording)) == "recording-by-policy"
    assert county.look() == []
    county.do(Remove(policy=policy))
    assert county.look() == [Release(recording=recording)]


def test_long_recording_is_followed_by_another_in_one_step() -> None:
    county = County()
    county.do(Create(unit="C", what="all"))
    county.live.add("camera")
    county.look()
    first = county.running()["source:camera"]
    county.now_us = first.begun_us + DAY_US - 1
    assert county.look() == []
    county.do(Pause(recording=first.id, paused=True))
    county.now_us += DAY_US
    assert county.look() == [], "the next one would not be paused"
    county.do(Pause(recording=first.id, paused=False))
    county.look()
    second = county.running()["source:camera"]
    assert second.begun_us == county.tables.recordings.get(first.id).ended_us
    assert (second.why, second.policy, second.retention) == (first.why, first.policy, first.retention)


def test_policy_begins_and_ends_at_its_times() -> None:
    county = County()
    county.live.add("camera")
    from_us = county.now_us + 3600 * SECOND_US
    policy = county.do(Create(unit="W", what="sources", from_us=from_us, until_us=from_us + 3600 * SECOND_US))
    assert county.look() == []
    county.now_us = from_us
    county.look()
    assert county.running()
    county.now_us = from_us + 3600 * SECOND_US
    county.look()
    assert not county.running() and policy not in county.tables.policies


def test_what_does_not_fit_is_told_and_emergencies_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (recordings, policing):
        monkeypatch.setattr(module, "MAX_RUNNING", 1)
    county = County()
    county.do(Create(unit="P", what="sources"), "chief")
    county.do(Begin(unit="W", reason="溃堤"))
    county.live |= {"drone", "camera"}
    (act,) = county.policing.due(frozenset(county.live), county.now_us)
    assert act == Order(of="source:camera") and county.policing.unmet == 1
    county.do(act, "")
    county.look()
    county.live.remove("drone")
    county.look()
    assert county.policing.unmet == 0


def test_what_was_refused_is_owed_again() -> None:
    county = County()
    county.do(Create(unit="C", what="sources"))
    county.live.add("camera")
    first = county.policing.due(frozenset(county.live), county.now_us)
    assert first and county.policing.due(frozenset(county.live), county.now_us) == first


UNITS = st.sampled_from("PCEWM")
SOURCES = st.sampled_from(["camera", "drone", "east.tab", "west.tab", "gate"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("policy"), UNITS, st.sampled_from(["sources", "consultations", "all"]), st.booleans()),
        st.tuples(st.just("change"), UNITS, st.sampled_from(RETENTIONS)),
        st.tuples(st.just("remove")),
        st.tuples(st.sampled_from(["emergency", "over"]), UNITS),
        st.tuples(st.sampled_from(["live", "gone", "asked"]), SOURCES),
        st.tuples(st.sampled_from(["hold", "end", "pause"])),
        st.tuples(st.just("move"), st.sampled_from("EWM"), st.sampled_from("CD")),
        st.tuples(st.just("wait"), st.sampled_from([1, 59, 61, 3600, 90_000])),
    ),
    min_size=10,
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_what_is_wanted_is_what_is_recorded(steps: list[tuple[str, ...]]) -> None:
    county = County()
    county.live |= {"camera", "drone", "east.tab", "gate"}
    county.hold("east")
    for step in steps:
        _take(county, *step)
        before = dict(county.tables.recordings._rows)
        county.look()
        _check(county, before)


def _take(county: County, what: str, *values: object) -> None:
    act = _act(county, what, *values)
    if act is not None:
        try:
            county.do(act, "chief")
        except Refused:
            county.tables.rollback()


def _act(county: County, what: str, *values: object) -> Act | None:
    policies = [item for item in county.tables.policies if item.why == "policy"]
    running = [item.id for item in county.tables.consultations if item.stage == "running"]
    recorded = [item.id for item in county.tables.recordings if not item.ended_us]
    match what, *values:
        case "policy", str(unit), of, bool(drones):
            kinds = DRONES if drones and of != "consultations" else ()
            return msgspec.convert({"unit": unit, "what": of, "kinds": kinds}, Create)
        case "change", unit, retention:
            given = {"policy": policies[0].id, "unit": unit, "retention": retention} if policies else None
            return msgspec.convert(given, Change) if given else None
        case ("remove",):
            return Remove(policy=policies[-1].id) if policies else None
        case "emergency", str(unit):
            return Begin(unit=unit, reason="险情")
        case "over", str(unit):
            return End(unit=unit)
        case "live", str(source):
            county.live.add(source)
        case "gone", str(source):
            county.live.discard(source)
        case "asked", str(source):
            return Record(of=f"source:{source}")
        case ("hold",):
            return Hold(title="会", unit="C")
        case ("end",):
            return EndConsultation(consultation=running[0]) if running else None
        case ("pause",):
            return Pause(recording=recorded[0], paused=True) if recorded else None
        case "move", str(unit), str(parent):
            moved = msgspec.structs.replace(county.tables.units.get(unit), parent=parent)
            county.tables.units.put(moved)
            county.tables.commit()
        case "wait", int(seconds):
            county.now_us += seconds * SECOND_US
    return None


def _check(county: County, before: dict[str, Recording]) -> None:
    """Compare what runs with what is wanted, found the slow way."""
    running = county.running()
    could = {f"source:{item}": item for item in county.live}
    for item in county.tables.consultations:
        if item.stage == "running":
            could[f"consultation:{item.id}"] = item.id
    for of in could:
        want = [policy for policy in county.tables.policies if _wants(county, policy, of)]
        assert of in running if want else (of not in running or not running[of].policy), of
        if want:
            least = max(RETENTIONS.index(policy.retention) for policy in want)
            assert RETENTIONS.index(running[of].retention) >= least
            assert not (running[of].paused_us and any(policy.why == "emergency" for policy in want))
    for of, recording in running.items():
        if recording.policy:
            assert any(_wants(county, policy, of) for policy in county.tables.policies), "left over"
            assert of in could or recording.id in before, "begun for what is not there"
            assert recording.paused_us or county.now_us - recording.begun_us < DAY_US + 60 * SECOND_US


def _wants(county: County, policy: Policy, of: str) -> bool:
    kind, _, identifier = of.partition(":")
    unit = county.permissions.unit_of(of)
    if policy.unit not in (county.permissions.line(unit) if unit else ("P",)):
        return False
    if kind == "consultation":
        return policy.what in ("consultations", "all")
    endpoint = county.tables.endpoints.find(identifier)
    own = endpoint.kind if endpoint else EndpointKind.BROWSER
    return policy.what in ("sources", "all") and (not policy.kinds or own in policy.kinds)
