"""Endpoints: their values, their credentials, and that one cut off is taken out of what runs."""

import pytest

from dispatch.acts import chair, consultation, endpoints, grants
from dispatch.entry import SECRET
from dispatch.errors import Conflict, Forbidden, Invalid, Unknown
from dispatch.permissions import Right
from dispatch.records import Attendance, EndpointKind
from tests.dispatch.directory.office import Province

GB_ID = "32010100001320000001"
DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "gb_id", ["1", GB_ID[:-1], GB_ID + "1", "3.20101E+19", "３２０１０１００００１３２００００００１"]
)
def test_a_gb_id_has_twenty_digits(gb_id: str) -> None:
    office = Province()
    with pytest.raises(Invalid) as caught:
        office.camera("球机", office.county, gb_id)
    assert (caught.value.code, caught.value.field) == ("invalid-gb-id", "gb_id")


def test_a_gb_id_is_one_endpoints_only_and_names_may_repeat() -> None:
    office = Province()
    first = office.camera("球机", office.county, GB_ID)
    second = office.camera("球机", office.county)
    for act in (
        endpoints.Create(unit=office.other, kind=EndpointKind.DRONE, name_zh="机", gb_id=GB_ID),
        endpoints.Change(endpoint=second, gb_id=GB_ID),
    ):
        with pytest.raises(Conflict) as caught:
            office.act(act)
        assert caught.value.code == "gb-id-taken"
    office.act(endpoints.Change(endpoint=first, gb_id=""))
    office.act(endpoints.Change(endpoint=second, gb_id=GB_ID, kind=EndpointKind.VEHICLE, name_en="Car"))
    assert office.tables.endpoint_of_gb.first(GB_ID) == second


def test_a_move_needs_the_right_at_both_places() -> None:
    office = Province()
    camera = office.camera("球机", office.county, by=office.duty)
    for unit in (office.other, "X"):
        with pytest.raises((Forbidden, Unknown)):
            office.act(endpoints.Move(endpoint=camera, unit=unit), office.duty)
    office.act(endpoints.Move(endpoint=camera, unit=office.other), office.chief)
    assert office.tables.endpoints.get(camera).unit == office.other and office.verbs == ["endpoint.move"]


@pytest.mark.parametrize("act", [endpoints.Disable, endpoints.Remove])
def test_one_cut_off_leaves_the_consultations_it_is_in(act: type[endpoints.OnEndpoint]) -> None:
    office = Province()
    camera, other = office.camera("球机", office.county), office.camera("枪机", office.county)
    held = [office.act(consultation.Create(title="会", unit=office.county), office.duty) for _ in range(3)]
    places = [office.act(consultation.Bring(consultation=item, source=camera), office.duty) for item in held]
    stays = office.act(consultation.Bring(consultation=held[0], source=other), office.duty)
    office.act(chair.Remove(consultation=held[1], participant=places[1]), office.duty)
    office.act(consultation.End(consultation=held[2]), office.duty)
    before = office.tables.participants.get(places[2])
    office.act(act(endpoint=camera), office.duty)
    found = office.tables.participants
    assert found.get(places[0]).attendance is Attendance.LEFT and found.get(places[0]).sources == ()
    assert found.get(places[1]).attendance is Attendance.REMOVED
    assert found.get(places[2]) == before and found.get(stays).attendance is Attendance.PRESENT


def test_disabling_and_enabling_are_seen_in_the_record() -> None:
    office = Province()
    camera = office.camera("球机", office.county)
    office.act(endpoints.Disable(endpoint=camera), office.duty)
    assert office.tables.endpoints.get(camera).disabled
    office.act(endpoints.Enable(endpoint=camera), office.duty)
    assert not office.tables.endpoints.get(camera).disabled


def test_a_credential_is_a_digest_and_only_an_administrators_to_set() -> None:
    office = Province()
    camera = office.camera("球机", office.county)
    with pytest.raises(Forbidden):
        office.act(endpoints.Credential(endpoint=camera, secret=DIGEST), office.duty)
    for secret in ("token", DIGEST.upper(), DIGEST + "\n"):
        with pytest.raises(Invalid) as caught:
            office.act(endpoints.Credential(endpoint=camera, secret=secret), office.local)
        assert caught.value.field == SECRET
    office.act(endpoints.Credential(endpoint=camera, secret=DIGEST), office.local)
    kept = office.tables.credentials.get(camera)
    assert (kept.secret, kept.changed_us) == (DIGEST, office.now_us)
    office.act(endpoints.Credential(endpoint=camera, secret=""), office.local)
    assert camera not in office.tables.credentials


def test_a_removed_endpoint_leaves_neither_credential_nor_grants() -> None:
    office = Province()
    camera = office.camera("球机", office.county)
    office.act(endpoints.Credential(endpoint=camera, secret=DIGEST), office.local)
    until = office.now_us + 10**10
    lent = grants.Give(verb=Right.VIEW, object=f"endpoint:{camera}", to=f"unit:{office.other}", until_us=until)
    office.act(lent, office.local)
    office.act(endpoints.Remove(endpoint=camera), office.duty)
    assert camera not in office.tables.credentials and not len(office.tables.grants)
