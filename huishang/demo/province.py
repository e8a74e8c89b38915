"""The demonstration's directory: a province down to its villages, its people and devices. Data only, and invented.

Rows name each other by short keys; whoever enters them gives real identifiers. An endpoint with `plays` carries the
picture and sound of the demonstration's unit of that name (`huishang.demo.units`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dispatch.records import EndpointKind, Level


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit; `parent` is another row's key, "" for the root."""

    key: str
    parent: str
    level: Level
    name_zh: str
    name_en: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody with one role in the own unit; signs in as `login`."""

    unit: str
    name: str
    login: str
    title: str
    role: str


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """A device."""

    unit: str
    kind: EndpointKind
    name_zh: str
    name_en: str
    plays: str = ""
    gb_id: str = ""


def _places(parent: str, level: Level, *places: tuple[str, str, str, str]) -> tuple[UnitRow, ...]:
    return tuple(UnitRow(key, parent, level, zh, en, code) for key, zh, en, code in places)


UNITS: Final[tuple[UnitRow, ...]] = (
    UnitRow("sc", "", Level.PROVINCE, "四川省应急管理厅", "Sichuan Province", "51"),
    *_places(
        "sc",
        Level.CITY,
        ("gy", "广元市应急管理局", "Guangyuan City", "5108"),
        ("my", "绵阳市应急管理局", "Mianyang City", "5107"),
        ("bz", "巴中市应急管理局", "Bazhong City", "5119"),
    ),
    *_places(
        "gy",
        Level.COUNTY,
        ("qc", "青川县应急管理局", "Qingchuan County", "510822"),
        ("jg", "剑阁县应急管理局", "Jiange County", "510823"),
        ("cx", "苍溪县应急管理局", "Cangxi County", "510824"),
        ("wc", "旺苍县应急管理局", "Wangcang County", "510821"),
    ),
    *_places(
        "my",
        Level.COUNTY,
        ("bc", "北川羌族自治县应急管理局", "Beichuan County", "510726"),
        ("pw", "平武县应急管理局", "Pingwu County", "510727"),
    ),
    *_places("bz", Level.COUNTY, ("nj", "南江县应急管理局", "Nanjiang County", "511922")),
    *_places(
        "qc",
        Level.TOWNSHIP,
        ("zhuyuan", "竹园镇人民政府", "Zhuyuan Town", "510822101"),
        ("shazhou", "沙州镇人民政府", "Shazhou Town", "510822102"),
        ("qiaozhuang", "乔庄镇人民政府", "Qiaozhuang Town", "510822100"),
        ("qingxi", "青溪镇人民政府", "Qingxi Town", "510822103"),
        ("muyu", "木鱼镇人民政府", "Muyu Town", "510822104"),
        ("guanzhuang", "关庄镇人民政府", "Guanzhuang Town", "510822105"),
    ),
    *_places("jg", Level.TOWNSHIP, ("xiasi", "下寺镇人民政府", "Xiasi Town", "510823100")),
    *_places("pw", Level.TOWNSHIP, ("nanba", "南坝镇人民政府", "Nanba Town", "510727102")),
    *_places(
        "zhuyuan",
        Level.VILLAGE,
        ("zy1", "石坝村村民委员会", "Shiba Village", "510822101201"),
        ("zy2", "大竹村村民委员会", "Dazhu Village", "510822101202"),
    ),
    *_places(
        "shazhou",
        Level.VILLAGE,
        ("sz1", "江边村村民委员会", "Jiangbian Village", "510822102201"),
        ("sz2", "青坪村村民委员会", "Qingping Village", "510822102202"),
    ),
    *_places("qingxi", Level.VILLAGE, ("qx1", "阴平村村民委员会", "Yinping Village", "510822103201")),
    UnitRow("fire", "qc", Level.MOBILE, "青川县消防救援大队前突组", "Qingchuan Fire Advance Team"),
    UnitRow("rescue", "qc", Level.MOBILE, "现场救援组", "On-site Rescue Team"),
    UnitRow("van", "gy", Level.MOBILE, "广元市应急通信指挥车", "Guangyuan Command Vehicle"),
)

#: The first is the chair of the demonstration's consultation, and whom its one-time link signs in.
PEOPLE: Final[tuple[PersonRow, ...]] = (
    PersonRow("qc", "李卫国", "liweiguo", "值班长", "duty-officer"),
    PersonRow("qc", "王秀兰", "wangxiulan", "值班员", "operator"),
    PersonRow("sc", "陈明", "chenming", "系统管理员", "administrator"),
    PersonRow("gy", "赵磊", "zhaolei", "市值班主任", "duty-officer"),
    PersonRow("zhuyuan", "杨芳", "yangfang", "镇应急办主任", "member"),
    PersonRow("shazhou", "刘洋", "liuyang", "镇应急办主任", "member"),
    PersonRow("qiaozhuang", "何平", "heping", "镇应急办干事", "member"),
    PersonRow("zy1", "罗建军", "luojianjun", "村支书", "member"),
    PersonRow("fire", "吴强", "wuqiang", "前突组组长", "member"),
    PersonRow("rescue", "郑涛", "zhengtao", "救援组组长", "member"),
    PersonRow("bc", "孙丽", "sunli", "县值班员", "duty-officer"),
)

ENDPOINTS: Final[tuple[EndpointRow, ...]] = (
    EndpointRow("qc", EndpointKind.ROOM, "青川县应急指挥中心会商室", "Qingchuan command room", "county-command"),
    EndpointRow("zhuyuan", EndpointKind.ROOM, "竹园镇人民政府会议室", "Zhuyuan meeting room", "township-room"),
    EndpointRow("shazhou", EndpointKind.IP_CAMERA, "沙州镇二号布控球", "Shazhou ball camera 2", "ptz-ball-2"),
    EndpointRow("fire", EndpointKind.DRONE, "县消防救援大队一号无人机", "Fire drone 1", "drone-1"),
    EndpointRow("rescue", EndpointKind.PHONE, "卫星电话(现场救援组)", "Satellite phone", "radio-phone"),
    EndpointRow("fire", EndpointKind.BODY_CAMERA, "前突组一号执法记录仪", "Body camera 1"),
    EndpointRow("van", EndpointKind.VEHICLE, "指挥车全景摄像机", "Command vehicle panorama"),
    EndpointRow("qingxi", EndpointKind.IP_CAMERA, "青溪镇河道水位摄像机", "River gauge", "", "51082210301320000001"),
    EndpointRow("muyu", EndpointKind.IP_CAMERA, "木鱼镇滑坡监测点", "Landslide monitor", "", "51082210401320000001"),
)

TITLE: Final = "青川县强降雨应急会商"
#: Whose units are invited, and which devices are brought in.
INVITED: Final = ("qc",)
BROUGHT: Final = ("county-command", "township-room", "ptz-ball-2", "drone-1", "radio-phone")
#: Holds the demonstration's consultation.
HOST: Final = "qc"
