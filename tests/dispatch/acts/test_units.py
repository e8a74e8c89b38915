"""The tree stays a tree, its levels in order, its names and codes told apart; nothing in use is taken out."""

import pytest

from dispatch.acts import consultation, endpoints, grants, people, units
from dispatch.acts.base import Act
from dispatch.acts.people import Create as MakePerson
from dispatch.directory import rules
from dispatch.errors import Forbidden, Invalid, Refused, Unknown
from dispatch.permissions import Right
from dispatch.records import Level, Role
from tests.dispatch.directory.office import Office, Province


def refusal(office: Office, act: Act, by: str = "") -> tuple[str, str]:
    """Do what must be refused; return its code and field."""
    before = office.tables.rows()
    with pytest.raises(Refused) as caught:
        office.act(act, by)
    assert office.tables.rows() == before
    return caught.value.code, caught.value.field


def test_a_unit_cannot_stand_below_itself() -> None:
    office = Province()
    assert refusal(office, units.Move(unit=office.city, parent=office.county)) == ("cycle", "parent")
    assert refusal(office, units.Move(unit=office.city, parent=office.city)) == ("cycle", "parent")
    assert refusal(office, units.Change(unit=office.province, parent=office.county)) == ("cycle", "parent")


@pytest.mark.parametrize(
    ("level", "parent", "allowed"),
    [(level, parent, rules.RANK[level] >= rules.RANK[parent]) for level in Level for parent in Level],
)
def test_a_level_is_not_above_its_parents(level: Level, parent: Level, allowed: bool) -> None:
    office = Office()
    top = office.unit("顶", level=parent)
    if allowed:
        assert office.tables.units.get(office.unit("下", top, level)).level is level
    else:
        assert refusal(office, units.Create(parent=top, level=level, name_zh="下")) == ("level-above-parent", "level")


def test_a_change_of_level_looks_at_the_children_too() -> None:
    office = Province()
    assert refusal(office, units.Change(unit=office.city, level=Level.TOWNSHIP)) == ("level-above-parent", "level")
    office.act(units.Change(unit=office.county, level=Level.TOWNSHIP))
    assert office.tables.units.get(office.county).level is Level.TOWNSHIP


@pytest.mark.parametrize(
    "name", ["东山县", " 东山县 ", "东\u200d山县", "东山县\ufe0f", "东\u3164山县", "\u202e东山县", "东山县\u00ad"]
)
def test_siblings_cannot_have_names_that_look_alike(name: str) -> None:
    office = Province()
    make = units.Create(parent=office.city, level=Level.COUNTY, name_zh=name)
    assert refusal(office, make) == ("name-taken", "name_zh")
    assert refusal(office, units.Change(unit=office.other, name_zh=name)) == ("name-taken", "name_zh")
    assert office.unit(name, office.province)


def test_english_names_of_siblings_differ_by_more_than_case_and_width() -> None:
    office = Province()
    office.act(units.Change(unit=office.county, name_en="Dongshan"))
    assert refusal(office, units.Change(unit=office.other, name_en="ＤＯＮＧＳＨＡＮ")) == ("name-taken", "name_en")


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "\u200d\u200d", "\u3164", "\u2800", "\x00"])
def test_a_name_that_shows_nothing_is_empty(name: str) -> None:
    office = Province()
    assert refusal(office, units.Change(unit=office.city, name_zh=name)) == ("empty", "name_zh")


def test_hostile_names_are_bounded_or_cleaned() -> None:
    office = Province()
    assert refusal(office, units.Change(unit=office.city, name_zh="长" * 1_000_000)) == ("too-long", "name_zh")
    office.act(units.Change(unit=office.city, name_zh="救援👩‍🚒队\u202e gnp.exe"))
    assert office.tables.units.get(office.city).name_zh == "救援👩‍🚒队 gnp.exe"


def test_a_division_code_is_digits_and_one_units_only() -> None:
    office = Province()
    for code in ("1", "1" * 13, "32a", "３２", "-32"):
        assert refusal(office, units.Change(unit=office.county, code=code)) == ("invalid-code", "code")
    assert refusal(office, units.Change(unit=office.county, code="320102")) == ("code-taken", "code")
    office.act(units.Change(unit=office.county, code=""))
    assert office.unit("新", office.city, code="320101")


def test_the_tree_is_bounded_in_depth_also_for_what_is_moved() -> None:
    office = Office()
    deep = ""
    for number in range(rules.MAX_DEPTH):
        deep = office.unit(f"第{number}", deep, Level.VILLAGE)
    assert refusal(office, units.Create(parent=deep, level=Level.VILLAGE, name_zh="下")) == ("too-deep", "parent")
    pair = office.unit("甲", level=Level.VILLAGE)
    office.unit("乙", pair, Level.VILLAGE)
    above = office.tables.units.get(deep).parent
    assert refusal(office, units.Move(unit=pair, parent=above)) == ("too-deep", "parent")


def test_a_move_needs_the_right_at_both_places() -> None:
    office = Province()
    town = office.unit("东镇", office.county, Level.TOWNSHIP)
    for act in (units.Move(unit=town, parent=office.other), units.Move(unit=office.other, parent=office.county)):
        with pytest.raises(Forbidden):
            office.act(act, by=office.duty)
    with pytest.raises(Forbidden):
        office.act(units.Move(unit=town, parent=""), by=office.duty)
    office.act(units.Move(unit=town, parent=office.other), by=office.chief)
    assert office.tables.units.get(town).parent == office.other and office.verbs == ["unit.move"]


def test_roots_are_made_by_who_has_the_right_at_a_root() -> None:
    office = Province()
    with pytest.raises(Forbidden):
        office.unit("他省", level=Level.PROVINCE, by=office.local)
    assert office.tables.units.get(office.unit("他省", level=Level.PROVINCE, by=office.chief)).parent == ""


def test_the_last_administered_root_stays_a_root() -> None:
    office = Province()
    second = office.unit("他省", level=Level.PROVINCE)
    code, _ = refusal(office, units.Move(unit=office.province, parent=second))
    assert code == "last-administrator"
    office.person("second", second, ("administrator", second))
    office.act(units.Move(unit=office.province, parent=second))
    assert office.tables.units.get(office.province).parent == second


def test_what_is_in_use_is_not_removed_and_the_code_says_why() -> None:
    office = Province()
    assert refusal(office, units.Remove(unit=office.city))[0] == "unit-has-children"
    unit = office.unit("应急局", office.county)
    somebody = office.person("somebody", unit)
    assert refusal(office, units.Remove(unit=unit))[0] == "unit-has-people"
    office.act(people.Move(person=somebody, unit=office.county))
    camera = office.camera("球机", unit)
    assert refusal(office, units.Remove(unit=unit))[0] == "unit-has-endpoints"
    office.act(endpoints.Remove(endpoint=camera))
    held = office.act(consultation.Create(title="会", unit=unit), by=office.chief)
    assert refusal(office, units.Remove(unit=unit))[0] == "unit-has-consultations"
    office.act(consultation.End(consultation=held))
    office.act(people.SetRoles(person=somebody, roles=(Role("member", unit),)))
    assert refusal(office, units.Remove(unit=unit))[0] == "unit-has-roles"
    office.act(people.SetRoles(person=somebody, roles=()))
    lent = grants.Give(verb=Right.VIEW, object=f"unit:{unit}", to=f"unit:{office.other}", until_us=office.now_us * 2)
    with pytest.raises(Invalid):
        office.act(lent)
    office.act(grants.Give(verb=lent.verb, object=lent.object, to=lent.to, until_us=office.now_us + 10**10))
    office.act(units.Remove(unit=unit))
    assert unit not in office.tables.units and not len(office.tables.grants)


def test_an_id_from_elsewhere_is_kept_but_never_given_twice() -> None:
    office = Province()
    wanted = office.new_id()
    assert office.act(units.Create(parent=office.city, level=Level.COUNTY, name_zh="新", id=wanted)) == wanted
    for taken in (wanted, office.chief):
        act = MakePerson(unit=office.city, name="张伟", login="zhangwei", id=taken)
        assert refusal(office, act) == ("id-taken", "id")
    bad = units.Create(parent=office.city, level=Level.COUNTY, name_zh="又", id="../etc")
    assert refusal(office, bad) == ("invalid-id", "id")


def test_what_changes_nothing_makes_no_entry_and_what_is_not_there_is_unknown() -> None:
    office = Province()
    office.act(units.Change(unit=office.city, name_zh="临江市", order=0))
    assert office.verbs == []
    for act in (units.Change(unit="X"), units.Move(unit=office.county, parent="X"), units.Remove(unit="X")):
        with pytest.raises(Unknown):
            office.act(act)
