"""What the columns of directory files are called, in Chinese and English, and the words in them. Values only.

A header is found whatever its case, width, spaces and underscores. In JSON the keys are the fields' names.

| file | field | Chinese | English | what stands there |
|---|---|---|---|---|
| any | what | 类别 | what | unit, person or endpoint (单位, 人员, 终端), where one CSV file holds several kinds |
| any | id | 标识 | id | the identifier; where it is unknown here it is kept for what is made |
| unit | parent | 上级单位 | parent | a unit, see below; empty: a root, or where it stands already |
| unit | level | 级别 | level | province, city, county, township, village, mobile (省, 市, 县, 乡镇, 村, 移动) |
| unit | name_zh, name_en | 名称, 英文名称 | name, name_en | |
| unit | code | 行政区划代码 | code | 2 to 12 digits, one unit's only |
| unit | order | 排序 | order | a whole number |
| person | unit | 所属单位 | unit | a unit |
| person | name, title | 姓名, 职务 | name, title | |
| person | login | 登录名 | login | one person's only |
| person | roles | 角色 | roles | ROLE or ROLE@UNIT, several with ; between (管理员, 值班员, 操作员, 成员, 观察员) |
| person, endpoint | disabled | 停用 | disabled | yes or no (是, 否) |
| endpoint | unit, name_zh, name_en | 所属单位, 名称, 英文名称 | unit, name, name_en | |
| endpoint | kind | 终端类型 | kind | as in `records.EndpointKind`, or in Chinese |
| endpoint | gb_id | 国标编号 | gb_id | 20 digits, one endpoint's only |

A unit is named by its id, its division code, or its path of names from a root: 江东省/临江市. A column that a file
lacks leaves its field as it is; an empty cell empties the field. Where one file holds several kinds, only the names of
this table are known, not their variants.
"""

from __future__ import annotations

from dataclasses import dataclass

from dispatch.names import fold
from dispatch.records import EndpointKind, Level


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its field, its header in an exported file in Chinese and English, and what else it may be called."""

    field: str
    zh: str
    en: str
    others: tuple[str, ...] = ()


WHAT = Column("what", "类别", "what", ("种类", "对象"))
_ID = Column("id", "标识", "id", ("编号", "唯一标识"))
_NAME_EN = Column("name_en", "英文名称", "name_en", ("英文名", "english", "english name"))
_UNIT = Column("unit", "所属单位", "unit", ("单位", "部门", "所在单位", "所属单位代码", "department"))
_DISABLED = Column("disabled", "停用", "disabled", ("是否停用", "禁用"))

#: kind -> its columns in the order in which they are exported
COLUMNS: dict[str, tuple[Column, ...]] = {
    "unit": (
        _ID,
        Column("parent", "上级单位", "parent", ("上级", "上级单位代码", "上级区划代码", "父级", "parent unit")),
        Column("level", "级别", "level", ("层级", "单位级别", "行政级别")),
        Column("name_zh", "名称", "name", ("单位名称", "中文名称", "单位", "name_zh", "unit", "unit name")),
        _NAME_EN,
        Column("code", "行政区划代码", "code", ("区划代码", "代码", "单位代码", "division code")),
        Column("order", "排序", "order", ("排序号", "顺序")),
    ),
    "person": (
        _ID,
        _UNIT,
        Column("name", "姓名", "name", ("名字", "人员姓名", "full name")),
        Column("login", "登录名", "login", ("账号", "用户名", "帐号", "username", "account")),
        Column("title", "职务", "title", ("职位", "岗位", "position")),
        Column("roles", "角色", "roles", ("权限角色", "role")),
        _DISABLED,
    ),
    "endpoint": (
        _ID,
        _UNIT,
        Column("kind", "终端类型", "kind", ("类型", "设备类型", "type", "device type")),
        Column("name_zh", "名称", "name", ("终端名称", "设备名称", "中文名称", "name_zh", "device name")),
        _NAME_EN,
        Column("gb_id", "国标编号", "gb_id", ("国标编码", "国标id", "gb28181 id")),
        _DISABLED,
    ),
}
#: What a new thing cannot be without.
REQUIRED = {"unit": ("level", "name_zh"), "person": ("unit", "name", "login"), "endpoint": ("unit", "kind", "name_zh")}
#: Columns that only this kind has.
TELLING = {
    "level": "unit",
    "parent": "unit",
    "code": "unit",
    "login": "person",
    "kind": "endpoint",
    "gb_id": "endpoint",
}

#: value -> its words, the first of which is exported in Chinese
LEVELS: dict[str, tuple[str, ...]] = {
    Level.PROVINCE: ("省", "省级", "自治区", "直辖市"),
    Level.CITY: ("市", "市级", "地市", "地级", "州", "盟"),
    Level.COUNTY: ("县", "县级", "区", "区县", "旗"),
    Level.TOWNSHIP: ("乡镇", "乡", "镇", "乡级", "街道"),
    Level.VILLAGE: ("村", "村级", "社区"),
    Level.MOBILE: ("移动", "移动单位", "移动平台", "机动"),
}
KINDS: dict[str, tuple[str, ...]] = {
    EndpointKind.BROWSER: ("浏览器", "网页"),
    EndpointKind.ROOM: ("会议终端", "会议室", "会议室终端"),
    EndpointKind.DRONE: ("无人机",),
    EndpointKind.BODY_CAMERA: ("单兵", "执法记录仪", "单兵设备"),
    EndpointKind.IP_CAMERA: ("摄像机", "摄像头", "网络摄像机", "监控", "布控球"),
    EndpointKind.VEHICLE: ("车载", "指挥车", "车辆"),
    EndpointKind.PHONE: ("电话", "手机", "卫星电话"),
    EndpointKind.RADIO: ("对讲机", "电台"),
}
ROLES: dict[str, tuple[str, ...]] = {
    "administrator": ("管理员", "系统管理员"),
    "duty-officer": ("值班员", "值班人员"),
    "operator": ("操作员", "调度员"),
    "member": ("成员", "参会人员"),
    "observer": ("观察员",),
}
WHATS: dict[str, tuple[str, ...]] = {
    "unit": ("单位", "机构", "units"),
    "person": ("人员", "用户", "people"),
    "endpoint": ("终端", "设备", "endpoints", "device"),
}
YES_NO: dict[str, tuple[str, ...]] = {
    "yes": ("是", "true", "1", "y", "停用"),
    "no": ("否", "false", "0", "n", "启用", ""),
}


def plain(text: str) -> str:
    """Return a header or word without what makes no difference."""
    return fold(text).replace(" ", "").replace("_", "").replace("-", "").rstrip("*:").removesuffix("(必填)")


def _words(table: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {plain(word): value for value, words in table.items() for word in (value, *words)}


LEVEL_OF = _words(LEVELS)
KIND_OF = _words(KINDS)
ROLE_OF = _words(ROLES)
WHAT_OF = _words(WHATS)
YES_NO_OF = _words(YES_NO)
#: kind -> header -> field
FIELD_OF: dict[str, dict[str, str]] = {
    kind: {plain(name): column.field for column in columns for name in (column.zh, column.en, *column.others)}
    for kind, columns in COLUMNS.items()
}
#: The same for files of several kinds.
MIXED_FIELD_OF: dict[str, dict[str, str]] = {
    kind: {plain(name): column.field for column in (*columns, WHAT) for name in (column.zh, column.en)}
    for kind, columns in COLUMNS.items()
}
