"""What a file brings in, what it reports, and that bringing it in again changes nothing."""

import msgspec
import pytest

from dispatch.acts import endpoints, units
from dispatch.acts.base import decide
from dispatch.acts.directory import MAX_ENTRIES_BYTES, MAX_STEPS, Import
from dispatch.directory.importing import Plan, plan
from dispatch.directory.reading import File
from dispatch.errors import Full, Refused
from dispatch.permissions import Actor
from dispatch.records import Endpoint, EndpointKind, Level, Person, Role, Unit
from dispatch.tables import Tables
from tests.dispatch.directory.office import Office, Province

UNITS = "上级单位,级别,名称,行政区划代码\n"


def planned(office: Office, *texts: str, by: str = "") -> Plan:
    files = [File(f"{number}.csv", text.encode()) for number, text in enumerate(texts, 1)]
    return plan(Tables.of(office.tables.rows()), Actor(by), office.now_us, office.new_id, files)


def brought_in(office: Office, *texts: str, by: str = "") -> Plan:
    done = planned(office, *texts, by=by)
    for batch in done.batches():
        office.act(batch, by)
    return done


def reasons(done: Plan) -> list[tuple[int, str, str]]:
    return [(remark.row, remark.column, remark.code) for remark in done.refused]


def unit(office: Office, name: str) -> Unit:
    return next(item for item in office.tables.units if item.name_zh == name)


def test_a_tree_in_any_order_comes_in_and_again_changes_nothing() -> None:
    text = UNITS + "江北省/新市,县,新县,\n330100,乡镇,新镇,330100001\n江北省,市,新市,330100\n,省,江北省,330000\n"
    office = Province()
    first = brought_in(office, text)
    assert (first.created, first.changed, first.unchanged, reasons(first)) == (4, 0, 0, [])
    assert unit(office, "新县").parent == unit(office, "新镇").parent == unit(office, "新市").id
    before = office.tables.rows()
    again = brought_in(office, text)
    assert (again.created, again.changed, again.unchanged, again.rows) == (0, 0, 4, ())
    assert office.tables.rows() == before


def test_units_people_and_endpoints_come_in_together_from_several_files() -> None:
    office = Province()
    people = (
        "所属单位,姓名,登录名,职务,角色,停用\n东镇,张伟,zw,镇长,成员;操作员@320101,否\n江东省/临江市,李娜,ln,,,是\n"
    )
    devices = "所属单位,名称,终端类型,国标编号\n320101001,会议室,会议终端,\n320101,河堤,摄像头,'32010100001320000001\n"
    done = brought_in(office, people.replace("东镇", "320101001"), devices, UNITS + "320101,乡镇,东镇,320101001\n")
    assert (done.created, reasons(done)) == (5, [])
    town = unit(office, "东镇").id
    zhang = office.tables.people.get(office.tables.person_of_login.first("zw") or "")
    assert zhang == Person(
        id=zhang.id,
        unit=town,
        name="张伟",
        login="zw",
        title="镇长",
        roles=(Role("member", town), Role("operator", office.county)),
    )
    assert office.tables.people.get(office.tables.person_of_login.first("ln") or "").disabled
    assert {(item.unit, item.kind, item.gb_id) for item in office.tables.endpoints} == {
        (town, EndpointKind.ROOM, ""),
        (office.county, EndpointKind.IP_CAMERA, "32010100001320000001"),
    }
    again = brought_in(office, people.replace("东镇", "320101001"), devices)
    assert (again.created, again.changed, again.unchanged) == (0, 0, 4)


def test_every_bad_row_is_reported_and_the_good_ones_come_in() -> None:
    rows = [
        "江东省,市,新市,",
        "江东省,市,新\u200b市,",
        "不存在,县,甲县,",
        "江东省,国,乙,",
        "临江市,县,丙县,",
        "江东省,市,," + "9" * 13,
        f"江东省,市,{'长' * 5_000},",
        "江东省/临江市,省,丁省,",
        "江东省,市,\u202e\u200f,",
        "江东省,市,戊市,3.2E+05",
        "江东省,市,己市👩‍🚒,320000",
        "江东省,市,庚市👩‍🚒,",
        "江东省,市,辛\u202e市,",
    ]
    office = Province()
    done = brought_in(office, UNITS + "\n".join(rows))
    assert reasons(done) == [
        (3, "", "duplicate-row"),
        (4, "parent", "unit-unknown"),
        (5, "level", "level-unknown"),
        (6, "parent", "unit-unknown"),
        (7, "name_zh", "missing"),
        (8, "name_zh", "too-long"),
        (9, "level", "level-above-parent"),
        (10, "name_zh", "empty"),
        (11, "code", "spreadsheet-number"),
        (12, "parent", "cycle"),
    ]
    assert {"新市", "庚市👩‍🚒", "辛市"} <= {item.name_zh for item in office.tables.units}
    assert all(len(remark.value) <= 41 for remark in done.refused)


def test_circles_and_what_hangs_on_them_are_told_apart() -> None:
    office = Province()
    text = UNITS + "乙,县,甲,\n丙,县,乙,\n甲,县,丙,\n"
    rows = ("990002,县,甲,990001", "990001,县,乙,990002", "990001,村,丁,", "990003,县,自,990003", "990009,村,己,990004")
    loops = UNITS + "\n".join((*rows, "990004,村,庚,"))
    assert reasons(planned(office, loops)) == [
        (2, "parent", "cycle"),
        (3, "parent", "cycle"),
        (4, "parent", "parent-refused"),
        (5, "parent", "cycle"),
        (6, "parent", "unit-unknown"),
        (7, "parent", "parent-refused"),
    ]
    assert [code for _, _, code in reasons(planned(office, text))] == ["cycle"] * 3
    turned = f"标识,上级单位\n{office.city},{office.county}\n"
    assert reasons(planned(office, turned)) == [(2, "parent", "cycle")]


def test_names_may_change_places_within_a_file() -> None:
    office = Province()
    text = f"标识,名称,级别\n{office.county},西山县,\n{office.other},北山县,县\n"
    done = brought_in(office, text)
    assert (done.changed, reasons(done)) == (2, [])
    assert [office.tables.units.get(item).name_zh for item in (office.county, office.other)] == ["西山县", "北山县"]


def test_columns_that_are_absent_and_parents_that_are_empty_leave_things_as_they_are() -> None:
    office = Province()
    office.act(units.Change(unit=office.county, name_en="East", order=7))
    done = brought_in(office, UNITS + ",县,东岳县,320101\n")
    assert done.changed == 1
    assert office.tables.units.get(office.county) == Unit(
        id=office.county,
        parent=office.city,
        level=Level.COUNTY,
        name_zh="东岳县",
        name_en="East",
        code="320101",
        order=7,
    )


def test_an_empty_cell_empties_its_field() -> None:
    office = Province()
    done = brought_in(office, f"标识,英文名称,行政区划代码\n{office.county},,\n")
    assert done.changed == 1 and office.tables.units.get(office.county).code == ""


def test_what_is_known_by_code_here_is_found_by_its_foreign_id_in_the_file() -> None:
    office, foreign, town = Province(), "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAW"
    text = f"标识,上级单位,级别,名称,行政区划代码\n{town},{foreign},乡镇,东镇,\n{foreign},,县,东山县,320101\n"
    done = brought_in(office, text)
    assert (done.created, done.unchanged, reasons(done)) == (1, 1, [])
    assert office.tables.units.get(town).parent == office.county and foreign not in office.tables.units


def test_an_id_that_is_another_things_is_refused() -> None:
    office = Province()
    text = f"标识,所属单位,姓名,登录名\n{office.city},320101,张伟,zw\nx,320101,李娜,ln\n{office.chief},,,duty\n"
    assert reasons(planned(office, text)) == [(2, "id", "id-taken"), (3, "id", "invalid-id"), (4, "name", "empty")]


def test_the_rights_are_those_of_who_imports() -> None:
    office = Province()
    text = UNITS + "320101,乡镇,东镇,\n320102,乡镇,西镇,\n,省,他省,\n"
    people = "所属单位,姓名,登录名,角色\n320101,甲,aa,\n320101,乙,bb,成员\n320102,丙,cc,\n"
    done = brought_in(office, text, people, by=office.duty)
    assert [(item.file, item.row, item.code) for item in done.refused] == [
        ("1.csv", 3, "forbidden"),
        ("1.csv", 4, "forbidden"),
        ("2.csv", 3, "forbidden"),
        ("2.csv", 4, "forbidden"),
    ]
    assert done.created == 2


def test_a_refused_row_leaves_nothing_of_itself() -> None:
    office = Province()
    text = f"登录名,职务,角色\nmember,科长,管理员@{office.county}\n"
    assert reasons(brought_in(office, text, by=office.duty)) == [(2, "", "forbidden")]
    assert office.tables.people.get(office.member).title == ""


def test_endpoints_without_gb_id_are_found_by_their_name() -> None:
    office = Province()
    text = "所属单位,名称,终端类型,国标编号\n320101,球机,摄像头,\n"
    assert brought_in(office, text).created == 1
    assert brought_in(office, text).unchanged == 1
    with_id = text.replace("头,\n", "头,32010100001320000001\n")
    assert brought_in(office, with_id).changed == 1
    other = text.replace("头,\n", "头,32010100001320000002\n")
    assert brought_in(office, other).created == 1
    assert reasons(brought_in(office, text)) == [(2, "name_zh", "ambiguous")]
    assert reasons(brought_in(office, text + "320101,枪机,摄像头,\n320101,枪机,摄像头,\n"))[1:] == [
        (4, "", "duplicate-row")
    ]
    assert len(office.tables.endpoints) == 3


def test_a_code_outside_its_parents_is_told_but_taken() -> None:
    office = Province()
    done = brought_in(office, UNITS + "320100,县,飞地,330199\n320100,县,内县,320199\n320100,移动,车,\n")
    assert done.created == 3
    assert [(item.row, item.code, item.value) for item in done.warnings] == [(2, "code-outside-parent", "330199")]


def test_large_files_become_batches_that_are_each_taken_whole() -> None:
    office = Province()
    text = "所属单位,姓名,登录名,停用\n" + "".join(f"320101,人{n},login{n},是\n" for n in range(800))
    done = planned(office, text)
    batches = list(done.batches())
    assert [len(batch.steps) for batch in batches] == [MAX_STEPS, MAX_STEPS, MAX_STEPS, 100]
    office.act(batches[0])
    office.act(units.Move(unit=office.county, parent=office.other))
    for batch in batches[1:]:
        office.act(batch)
    assert len(office.tables.people) == 804


def test_a_batch_fits_into_a_record_of_the_journal() -> None:
    office = Province()
    scopes = (office.county, office.other, office.city)
    roles = ";".join(f"{role}@{unit}" for role in ("成员", "操作员", "观察员", "值班员", "管理员") for unit in scopes)
    rows = "".join(f"320101,{'👩‍🚒' * 20}{n},login{n},{roles}\n" for n in range(600))
    batches = list(planned(office, "所属单位,姓名,登录名,角色\n" + rows).batches())
    assert len(batches[0].steps) < MAX_STEPS
    for batch in batches:
        desk = office.desk()
        decide(desk, batch)
        assert sum(len(msgspec.json.encode(draft.params)) for draft in desk.drafts) < MAX_ENTRIES_BYTES
        office.act(batch)
    whole = Import(steps=tuple(step for batch in batches for step in batch.steps)[:MAX_STEPS])
    with pytest.raises(Full) as caught:
        Province().act(whole)
    assert caught.value.code == "import-too-large"


def test_a_plan_that_no_longer_fits_is_refused_whole_and_made_again() -> None:
    office = Province()
    text = UNITS + "320101,乡镇,东镇,320101001\n320101,乡镇,西镇,320101002\n"
    (batch,) = planned(office, text).batches()
    office.unit("别处", office.other, Level.TOWNSHIP, "320101002")
    before = office.tables.rows()
    with pytest.raises(Refused) as caught:
        office.act(batch)
    assert caught.value.code == "code-taken" and office.tables.rows() == before
    done = brought_in(office, text)
    assert done.created == 1 and done.changed == 1


def test_planning_touches_nothing() -> None:
    office = Province()
    before, mark = office.tables.rows(), office.tables.mark
    planned(office, UNITS + "320101,乡镇,东镇,\n")
    assert office.tables.rows() == before and office.tables.mark == mark


def test_an_endpoint_is_switched_off_and_on_by_its_column() -> None:
    office = Province()
    camera = office.camera("球机", office.county)
    brought_in(office, f"标识,终端类型,停用\n{camera},摄像头,是\n")
    assert office.tables.endpoints.get(camera) == Endpoint(
        id=camera, unit=office.county, kind=EndpointKind.IP_CAMERA, name_zh="球机", disabled=True
    )
    office.act(endpoints.Enable(endpoint=camera))
    assert reasons(planned(office, f"标识,终端类型,停用\n{camera},摄像头,也许\n")) == [
        (2, "disabled", "disabled-unknown")
    ]
