"""Files as people's spreadsheets write them are read; what cannot be read is told row by row."""

import codecs
import csv

import pytest

from dispatch.directory.reading import MAX_BYTES, MAX_ROWS, Content, File, Remark, read, shorten

TABLE = "标识,上级单位,级别,名称,行政区划代码\n,,省,江东省,320000\n,江东省,市,临江市,320100\n"
CELLS = [
    {"id": "", "parent": "", "level": "省", "name_zh": "江东省", "code": "320000"},
    {"id": "", "parent": "江东省", "level": "市", "name_zh": "临江市", "code": "320100"},
]


def content(text: str | bytes, kind: str = "") -> Content:
    return read([File("a.csv", text if isinstance(text, bytes) else text.encode(), kind)])


def codes(found: Content) -> list[tuple[int, str, str]]:
    return [(remark.row, remark.column, remark.code) for remark in found.refused]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_what_spreadsheets_write_is_read(encoding: str, delimiter: str, ending: str) -> None:
    text = TABLE.replace(",", delimiter).replace("\n", ending)
    found = content(text.encode(encoding))
    assert [row.cells for row in found.rows] == CELLS and not found.refused and not found.warnings
    assert [(row.kind, row.number) for row in found.rows] == [("unit", 2), ("unit", 3)]


@pytest.mark.parametrize(
    ("header", "kind", "fields"),
    [
        ("Name,LEVEL, Parent ,Division Code", "unit", ["name_zh", "level", "parent", "code"]),
        ("单位名称*,层级(必填),上级", "unit", ["name_zh", "level", "parent"]),
        ("姓名,账号,部门,级别", "person", ["name", "login", "unit"]),
        ("设备名称,设备类型,所属单位,国标ID", "endpoint", ["name_zh", "kind", "unit", "gb_id"]),
        ("ＮＡＭＥ,Login,unit,Roles", "person", ["name", "login", "unit", "roles"]),
    ],
)
def test_headers_are_known_in_both_languages_and_tell_the_kind(header: str, kind: str, fields: list[str]) -> None:
    found = content(f"{header}\na,b,c,d\n" if header.count(",") == 3 else f"{header}\na,b,c\n")
    assert [(row.kind, list(row.cells)) for row in found.rows] == [(kind, fields)]


def test_rows_of_several_kinds_tell_what_they_are() -> None:
    found = content("类别,名称,级别,姓名,登录名\n单位,县,县,,\nperson,,,张伟,zw\n终端,机,,,\n星星,,,,\n")
    assert [(row.kind, row.cells) for row in found.rows] == [
        ("unit", {"name_zh": "县", "level": "县"}),
        ("person", {"name": "张伟", "login": "zw"}),
        ("endpoint", {"name_zh": "机"}),
    ]
    assert codes(found) == [(5, "what", "kind-unknown")]


def test_rows_are_counted_as_a_spreadsheet_counts_them() -> None:
    found = content('\n名称,级别\n\n"两\n行",县\n\nb,村\n')
    assert [(row.number, row.cells["name_zh"]) for row in found.rows] == [(4, "两\n行"), (6, "b")]


def test_one_bad_row_does_not_end_the_reading() -> None:
    lines = ["名称,级别", "a,县", '"b"x,县', "长" * 1_000_000 + ",县", "c,县,多,余", "d,县", "e"]
    found = content("\n".join(lines))
    assert [row.cells for row in found.rows] == [
        {"name_zh": "a", "level": "县"},
        {"name_zh": "d", "level": "县"},
        {"name_zh": "e", "level": ""},
    ]
    assert codes(found) == [(3, "", "csv-broken"), (4, "", "too-long"), (5, "", "too-many-cells")]


def test_a_field_that_is_too_long_is_so_by_the_library_s_own_bound() -> None:
    assert csv.field_size_limit() < 1_000_000


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "header-unknown"),
        (b"\n\n\n", "header-unknown"),
        (b"a,b,c\n1,2,3\n", "header-unknown"),
        ("名称,备注\na,b\n".encode(), "header-unknown"),
        ("级别,名称,单位名称\n".encode(), "column-twice"),
        (b"\xff\xff\xff\xff\x80", "encoding-unknown"),
        (codecs.BOM_UTF16_LE + b"a", "encoding-unknown"),
        (b"{", "json-broken"),
        (b"[" * 100_000, "json-broken"),
        (b'{"units": 5}', "json-broken"),
        (b'{"v": 1}', "json-broken"),
        (b'["a"]', "json-broken"),
        (b'{"units": [' + b"9" * 5_000 + b"]}", "json-broken"),
        (("级别," + ",".join(f"列{n}" for n in range(100))).encode(), "header-unknown"),
    ],
)
def test_a_file_that_cannot_be_read_says_so_once(data: bytes, code: str) -> None:
    found = content(data)
    assert [remark.code for remark in found.refused] == [code] and not found.rows


def test_unknown_columns_are_told_and_ignored() -> None:
    found = content("名称,级别,备注\na,县,x\n")
    assert found.warnings == [Remark("a.csv", 1, "", "column-unknown", "备注")]
    assert [row.cells for row in found.rows] == [{"name_zh": "a", "level": "县"}]


def test_json_has_the_fields_names_and_plain_values() -> None:
    data = b"""{"v": 9, "new": {}, "units": [{"name_zh": "a", "order": 3, "code": 320000, "level": null, "x": {}}],
        "people": [{"login": "b", "disabled": true, "roles": ["member", "operator@320000"]}, 5, {"login": 1.5}],
        "endpoints": [{"name_zh": ["x"]}, {"disabled": false}]}"""
    found = content(data)
    assert [(row.kind, row.cells) for row in found.rows] == [
        ("unit", {"name_zh": "a", "code": "320000", "order": "3"}),
        ("person", {"login": "b", "roles": "member\noperator@320000", "disabled": "yes"}),
        ("endpoint", {"disabled": "no"}),
    ]
    assert [(item.kind, item.row, item.column, item.code) for item in found.refused] == [
        ("person", 2, "", "wrong-type"),
        ("person", 3, "login", "wrong-type"),
        ("endpoint", 1, "name_zh", "wrong-type"),
    ]


def test_a_list_is_read_as_what_the_caller_says() -> None:
    assert [row.kind for row in content(b'[{"login": "a"}]', "person").rows] == ["person"]
    assert [row.kind for row in content("名称,级别\na,县\n", "endpoint").rows] == ["endpoint"]


def test_sizes_are_bounded() -> None:
    many = b'{"units": [' + b"5," * MAX_ROWS + b"5]}"
    assert [remark.code for remark in content(many).refused] == ["too-many-rows"]
    large = [File(str(n), bytes(MAX_BYTES // 2 + 1)) for n in range(2)]
    assert [remark.code for remark in read(large).refused] == ["file-too-large"]


def test_what_a_report_shows_of_a_value_is_short_and_harmless() -> None:
    assert shorten("a" * 1_000_000) == "a" * 40 + "…"
    assert shorten("\u202e\x1b[2J\n") == "\ufffd\ufffd[2J\ufffd"
