"""What was typed finds what is meant, the best first; and the index stays true to the tables."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.acts import endpoints, people, units
from dispatch.directory.search import MAX_FOUND, MAX_HIDDEN, SearchIndex
from dispatch.records import Level
from dispatch.tables import Tables
from tests.dispatch.directory.office import Province


def everybody(thing: str, by_login: bool) -> bool:
    return bool(thing) or by_login


def stranger(thing: str, by_login: bool) -> bool:
    return bool(thing) and not by_login


def indexed(tables: Tables) -> SearchIndex:
    index = SearchIndex()
    for _ in index.fill(tables):
        pass
    return index


@pytest.mark.parametrize(
    "query",
    [
        "临江",
        "江市",
        "linjiang",
        "LinJiang",
        "ljs",
        "ljshi"[:2],
        "lin jiang",
        "320100",
        "20100",
        "Ｌｊｓ",
        "River city",
        "citybyth",
    ],
)
def test_a_city_is_found_by_whatever_part_is_typed(query: str) -> None:
    office = Province()
    office.act(units.Change(unit=office.city, name_en="River City by the Sea"))
    assert f"unit:{office.city}" in indexed(office.tables).search(query, everybody)


def test_people_are_found_by_login_and_title_and_endpoints_by_gb_id() -> None:
    office = Province()
    camera = office.camera("球机", office.county, "32010100001320000001")
    office.act(people.Change(person=office.member, title="消防队长"))
    index = indexed(office.tables)
    assert index.search("xfdz", everybody) == index.search("membe", everybody) == [f"person:{office.member}"]
    assert index.search("1320000001", everybody) == index.search("qiuji", everybody) == [f"endpoint:{camera}"]


def test_login_finds_a_person_only_for_whom_it_may() -> None:
    office = Province()
    office.act(people.Change(person=office.member, login="zhaoyun.119", name="赵云", title="消防队长"))
    index, person = indexed(office.tables), f"person:{office.member}"
    for query in ("zhaoyun.119", "119", "n.119", "赵云 119", "119 zhaoyun"):
        assert index.search(query, everybody) == [person], query
        assert index.search(query, stranger) == [], query
    for query in ("zhaoyun", "zy", "赵云", "消防 zhao"):
        assert index.search(query, stranger) == [person], query


def test_login_that_is_also_the_name_hides_nobody_and_tells_nothing_by_its_rank() -> None:
    office = Province()
    office.act(people.Change(person=office.member, login="zhao", name="赵云"))
    office.act(people.Change(person=office.chief, login="chief", name="赵"))
    index = indexed(office.tables)
    strangers, others = index.search("zhao", stranger), index.search("zhao", everybody)
    assert set(strangers) == set(others) and others[0] == f"person:{office.member}"
    office.act(people.Change(person=office.member, login="other"))
    assert indexed(office.tables).search("zhao", stranger) == strangers


def test_logins_that_one_may_not_find_keep_nothing_else_from_being_found() -> None:
    office = Province()
    for number in range(MAX_HIDDEN + 700):
        office.act(people.Create(unit=office.county, name="某", login=f"gate{number}"))
    camera = office.camera("gate", office.county)
    asked: list[str] = []

    def stranger_asking(thing: str, by_login: bool) -> bool:
        asked.append(thing)
        return not by_login

    assert indexed(office.tables).search("gat", stranger_asking) == [f"endpoint:{camera}"]
    assert len(asked) <= MAX_HIDDEN + 600


def test_login_that_was_given_up_finds_nobody() -> None:
    office = Province()
    office.tables.commit()
    index = indexed(office.tables)
    office.act(people.Change(person=office.member, login="before"))
    index.follow(office.tables.commit())
    office.act(people.Change(person=office.member, login="after"))
    index.follow(office.tables.commit())
    assert index.search("before", everybody) == []
    assert index.search("after", everybody) == [f"person:{office.member}"]


def test_the_whole_comes_before_the_beginning_before_the_middle_each_from_the_top() -> None:
    office = Province()
    village = office.unit("江", office.county, Level.VILLAGE)
    town = office.unit("江北镇", office.county, Level.TOWNSHIP)
    middle = office.unit("大江镇", office.county, Level.TOWNSHIP)
    camera = office.camera("江边", office.county)
    found = indexed(office.tables).search("江", everybody)
    assert found == [
        f"unit:{village}",
        f"unit:{office.province}",
        f"unit:{town}",
        f"endpoint:{camera}",
        f"unit:{office.city}",
        f"unit:{middle}",
    ]


def test_only_what_may_be_seen_is_found_and_only_of_the_kinds_wanted() -> None:
    office = Province()
    camera = f"endpoint:{office.camera('东山球机', office.county)}"
    index = indexed(office.tables)
    assert index.search("东山", lambda thing, _: thing != camera) == [f"unit:{office.county}"]
    assert index.search("东山", everybody, frozenset({"endpoint"})) == [camera]


def test_what_is_found_is_bounded_also_when_nothing_may_be_seen() -> None:
    office = Province()
    for number in range(MAX_HIDDEN + 500):
        office.camera(f"路口{number}", office.county)
    index = indexed(office.tables)
    asked: list[str] = []

    def nobody(thing: str, by_login: bool) -> bool:
        assert not by_login
        asked.append(thing)
        return False

    assert len(index.search("路口", everybody)) == len(index.search("lk", everybody, limit=1_000)) == MAX_FOUND
    assert len(index.search("路", everybody, limit=3)) == 3
    assert index.search("路口", nobody) == []
    assert len(asked) <= MAX_HIDDEN + 600


def test_an_exact_name_is_found_among_many_that_contain_it() -> None:
    office = Province()
    for number in range(3_000):
        office.camera(f"路口{number}号", office.county)
    exact = office.camera("路口", office.county)
    assert indexed(office.tables).search("路口", everybody)[0] == f"endpoint:{exact}"


@pytest.mark.parametrize("query", ["", "   ", "\u200b", "\n", "x" * 10_000, "\n" * 9, "没有这个", "\udcff"])
def test_queries_of_nothing_or_of_nonsense_find_nothing(query: str) -> None:
    assert indexed(Province().tables).search(query, everybody) == []


def test_other_named_things_come_and_go() -> None:
    index = SearchIndex()
    index.put("consultation:A", ["防汛会商"])
    assert index.search("fxhs", everybody) == ["consultation:A"]
    index.put("consultation:A", ["抗旱会商"])
    assert index.search("防汛", everybody) == [] and index.search("抗旱", everybody) == ["consultation:A"]
    index.drop("consultation:A")
    index.drop("consultation:A")
    assert index.search("会商", everybody) == [] and len(index) == 0


def test_what_changes_while_the_index_is_filled_is_not_lost() -> None:
    office = Province()
    cameras = [office.camera(f"路口{number}", office.county) for number in range(2_000)]
    index, left = SearchIndex(), 0
    office.tables.commit()
    for number, _ in enumerate(index.fill(office.tables)):
        if number == 1:
            office.act(endpoints.Change(endpoint=cameras[-1], name_zh="大坝"))
            office.act(endpoints.Remove(endpoint=cameras[-2]))
            office.act(endpoints.Change(endpoint=cameras[0], name_zh="大桥"))
            index.follow(office.tables.commit())
        left = number
    assert left > 1 and len(index) == len(office.tables.units) + len(office.tables.people) + 1_999
    assert index.search("daba", everybody) == [f"endpoint:{cameras[-1]}"]
    assert index.search("大桥", everybody) == [f"endpoint:{cameras[0]}"]
    assert index.search("路口1998", everybody) == index.search("路口1999", everybody) == []


STEP = st.tuples(st.sampled_from(["make", "name", "move", "drop"]), st.integers(0, 9), st.sampled_from("东西南北重长"))


@given(st.lists(STEP, max_size=40))
@settings(max_examples=60)
def test_following_changes_ends_where_beginning_anew_does(steps: list[tuple[str, int, str]]) -> None:
    office = Province()
    office.tables.commit()
    index = indexed(office.tables)
    made: list[str] = []
    for what, number, name in steps:
        chosen = made[number % len(made)] if made else ""
        if what == "make":
            made.append(office.camera(name, office.county))
        elif what == "name" and chosen:
            office.act(endpoints.Change(endpoint=chosen, name_zh=name + name))
        elif what == "move" and chosen:
            office.act(endpoints.Move(endpoint=chosen, unit=office.other))
        elif chosen:
            office.act(endpoints.Remove(endpoint=chosen))
            made.remove(chosen)
        index.follow(office.tables.commit())
    anew = indexed(office.tables)
    assert len(index) == len(anew)
    for query in ("东", "西西", "c", "z", "nan", "bei", "江", "ji", "d"):
        assert set(index.search(query, everybody)) == set(anew.search(query, everybody))
