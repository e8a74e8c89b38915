"""The consultation's and the tree's cores, run in Chromium: who is where, who may do what, which box, which row."""

from typing import Any

import pytest
from playwright.async_api import Page

from tests.console.test_logic import run

pytestmark = pytest.mark.asyncio(loop_scope="package")


def participant(identifier: str, **more: Any) -> dict[str, Any]:
    base = {
        "id": identifier,
        "person": f"p-{identifier}",
        "source": "",
        "attendance": "present",
        "sources": [],
        "picture_off": False,
        "sound_off": False,
        "hand_us": 0,
        "word_us": 0,
        "priority": 0,
        "joined_us": ord(identifier[0]),
        "online": True,
        "name": identifier,
    }
    return {**base, **more}


#: A room from {participants, sources, consultation, speaking}, seen by `me`.
ROOM = """(async () => {
  const { Store } = await import("/js/store.js");
  const { roomOf } = await import("/js/consultation/room.js");
  const store = new Store();
  const base = { id: "C", chair: "p-a", deputies: [], spotlight: [], roll: null, stage: "running" };
  store.apply({ topic: "consultation:C", reset: true, puts: {
    consultation: [{ ...base, ...(a.consultation ?? {}) }], participant: a.participants, source: a.sources ?? [],
    message: a.messages ?? [], speaking: a.speaking ? [{ id: "C", ...a.speaking }] : [],
  } });
  const room = roomOf(store, "consultation:C", a.short ?? null, a.me ?? "p-a");
  return %s;
})()"""


async def in_room(page: Page, module: str, expression: str, **given: Any) -> Any:
    return await run(page, f"consultation/{module}", ROOM % expression, given)


async def test_people_are_sorted_by_what_they_want(blank: Page) -> None:
    people = [
        participant("c", joined_us=3, hand_us=50),
        participant("b", joined_us=2, hand_us=70),
        participant("a", joined_us=1),
        participant("w", attendance="waiting"),
        participant("l", attendance="left"),
    ]
    ids = "({ present: room.present, hands: room.hands, waiting: room.waiting, gone: room.gone })"
    got = await in_room(blank, "room", ids, participants=people)
    assert {name: [one["id"] for one in some] for name, some in got.items()} == {
        "present": ["a", "b", "c"],
        "hands": ["c", "b"],
        "waiting": ["w"],
        "gone": ["l"],
    }


@pytest.mark.parametrize(
    ("me", "consultation", "short", "chairs"),
    [
        ("p-a", {}, None, True),
        ("p-b", {}, None, False),
        ("p-b", {"deputies": ["p-b"]}, None, True),
        ("p-b", {}, {"may": ["see", "chair"]}, True),
        ("p-b", {}, {"may": ["see"]}, False),
    ],
)
async def test_chair_is_who_holds_it_stands_in_or_has_the_right(
    blank: Page, me: str, consultation: dict[str, Any], short: dict[str, Any] | None, chairs: bool
) -> None:
    given = {"participants": [participant("a")], "me": me, "consultation": consultation, "short": short}
    assert await in_room(blank, "room", "room.isChair", **given) is chairs


async def test_each_source_has_a_seat_and_who_has_none_has_one_too(blank: Page) -> None:
    people = [participant("a", sources=["s1", "s2"]), participant("b")]
    got = await in_room(
        blank, "room", "m.seatsOf(room, 9).seats.map((one) => [one.key, one.source])", participants=people
    )
    assert got == [["a#0", "s1"], ["a#1", "s2"], ["b#0", ""]]


async def test_where_there_is_not_room_for_all_who_speaks_or_is_seen_is_kept_in_place(blank: Page) -> None:
    people = [participant(name, sources=[f"s{name}"]) for name in "abcdef"]
    sources = [{"id": "sc", "tracks": ["video"]}]
    given = {"participants": people, "sources": sources, "speaking": {"participant": "e", "levels": {}}}
    got = await in_room(blank, "room", "m.seatsOf(room, 2)", **given)
    assert [seat["key"] for seat in got["seats"]] == ["c#0", "e#0"]
    assert got["more"] == 4


async def test_sound_is_taken_of_who_is_heard_first_and_of_nobody_who_is_cut_off(blank: Page) -> None:
    people = [participant(name, sources=[f"s{name}"]) for name in "abc"] + [
        participant("d", sources=["sd"], sound_off=True)
    ]
    sources = [{"id": f"s{name}", "tracks": ["audio"]} for name in "abcd"]
    given = {
        "participants": people,
        "sources": sources,
        "speaking": {"participant": "c", "levels": {"c": -20, "d": -9}},
    }
    assert await in_room(blank, "room", "[...m.soundsOf(room, 2)].sort()", **given) == ["a", "c"]


async def test_roll_tells_who_answered_and_who_did_not(blank: Page) -> None:
    people = [
        participant("a"),
        participant("b", roll_us=5),
        participant("c"),
        participant("k", person="", source="camera"),
    ]
    roll = {"by": "p-a", "at_us": 5, "closed_us": 0}
    given = {"participants": people, "consultation": {"roll": roll}}
    found = "(({ open, answered, missing }) => [open, answered.map(id), missing.map(id)])(m.rollOf(room))"
    found = f"((id) => {found})((one) => one.id)"
    assert await in_room(blank, "room", found, **given) == [True, ["a", "b"], ["c"]]


ACTS = "m.actsOn(room, a.participants.at(-1)).map((act) => [act.key, act.reason])"


async def test_acts_on_somebody_fit_what_is_so_already(blank: Page) -> None:
    given = {"participants": [participant("a"), participant("b", sound_off=True, word_us=4)]}
    keys = [key for key, _ in await in_room(blank, "actson", ACTS, **given)]
    assert {"soundOn", "pictureOff", "wordBack", "deputy", "handOver", "remove"} <= set(keys)
    assert "soundOff" not in keys
    camera = {"participants": [participant("k", person="", source="camera")]}
    keys = [key for key, _ in await in_room(blank, "actson", ACTS, **camera)]
    assert not {"ask", "deputy", "handOver"} & set(keys)


async def test_nobody_but_the_chair_can_do_them_and_the_chair_cannot_be_sent_away(blank: Page) -> None:
    given = {"participants": [participant("b"), participant("a")], "me": "p-b"}
    reasons = {reason for _, reason in await in_room(blank, "actson", ACTS, **given)}
    assert reasons == {"why.chairOnly"}
    acts = dict(await in_room(blank, "actson", ACTS, **{**given, "me": "p-a"}))
    assert acts["remove"] == "why.chairStays"
    assert acts["soundOff"] == ""


async def test_who_waits_is_let_in_or_not(blank: Page) -> None:
    given = {"participants": [participant("w", attendance="waiting")]}
    found = "m.actsOn(room, a.participants[0]).map((act) => [act.key, act.name])"
    assert await in_room(blank, "actson", found, **given) == [
        ["admit", "participant.admit"],
        ["refuse", "participant.remove"],
    ]
    assert await in_room(blank, "actson", "m.quickAct(room, a.participants[0]).key", **given) == "admit"


@pytest.mark.parametrize(
    ("kind", "name", "params"),
    [
        ("person", "consultation.invite", {"consultation": "C", "whom": ["person:X"]}),
        ("unit", "consultation.invite", {"consultation": "C", "whom": ["unit:X"]}),
        ("endpoint", "consultation.bring", {"consultation": "C", "source": "X"}),
    ],
)
async def test_dropping_invites_people_and_brings_cameras_in(
    blank: Page, kind: str, name: str, params: dict[str, Any]
) -> None:
    got = await run(blank, "consultation/actson", "m.dropAct('C', { kind: a, id: 'X' })", kind)
    assert (got["name"], got["params"]) == (name, params)


ARRANGE = """(() => {
  const seats = "abcd".split("").map((id) => ({ key: `${id}#0`, participant: { id } }));
  const rest = { layout: "grid", spotlight: [], last: "", ...a };
  return m.arrange(seats, { ...rest, chosen: new Set(a.chosen ?? []) });
})()"""


@pytest.mark.parametrize(
    ("given", "large"),
    [
        ({}, "abcd"),
        ({"spotlight": ["b"]}, "b"),
        ({"layout": "speaker", "last": "c"}, "c"),
        ({"layout": "speaker"}, "a"),
        ({"layout": "speaker", "last": "c", "spotlight": ["b", "d"]}, "bd"),
        ({"layout": "chosen", "chosen": ["a#0", "d#0"], "spotlight": ["b"]}, "ad"),
        ({"layout": "chosen"}, "abcd"),
    ],
)
async def test_layout_says_who_is_large(blank: Page, given: dict[str, Any], large: str) -> None:
    got = await run(blank, "consultation/boxes", ARRANGE, given)
    assert got["large"] == [f"{name}#0" for name in large]
    assert sorted(got["large"] + got["small"]) == [f"{name}#0" for name in "abcd"]


RANK = """m.rankOf(
  { participant: { id: a[0], person: a[0] }, source: a[1] },
  { consultation: { chair: "chair", deputies: ["deputy"] } }, { last: "talker", large: a[2] },
)"""


@pytest.mark.parametrize(
    ("who", "source", "large", "rank"),
    [
        ("somebody", "s", False, 0),
        ("deputy", "", False, 0),
        ("chair", "s", False, 1),
        ("talker", "s", False, 1),
        ("somebody", "s.screen", False, 1),
        ("somebody", "s", True, 2),
    ],
)
async def test_picture_matters_by_whose_it_is_and_where_it_stands(
    blank: Page, who: str, source: str, large: bool, rank: int
) -> None:
    assert await run(blank, "consultation/room", RANK, [who, source, large]) == rank


BOXES = "[...m.boxesOf(a[0], a[1], a[2], a[3])]"


def kinds(large: int, small: int) -> dict[str, list[str]]:
    return {"large": [f"l{n}" for n in range(large)], "small": [f"s{n}" for n in range(small)]}


@pytest.mark.parametrize("touch", [False, True])
@pytest.mark.parametrize(("width", "height"), [(1000, 700), (382, 687), (1900, 500), (120, 120)])
@pytest.mark.parametrize(("large", "small"), [(1, 0), (5, 0), (25, 0), (1, 3), (4, 2), (1, 24)])
async def test_boxes_hold_whole_pictures_above_their_lines_and_never_overlap(
    blank: Page, large: int, small: int, width: int, height: int, touch: bool
) -> None:
    boxes = await run(blank, "consultation/boxes", BOXES, [kinds(large, small), width, height, touch])
    assert len(boxes) == large + small
    for key, box in boxes:
        assert box["line"] >= 24
        assert box["width"] / (box["height"] - box["line"]) == pytest.approx(16 / 9, rel=0.03)
        assert box["width"] >= min(90, (width - 8) // 2)
        assert bool(box.get("small")) is key.startswith("s")
        assert box["top"] >= 0
        if key.startswith("l"):
            assert box["left"] >= 0 and box["left"] + box["width"] <= width + 1
    for index, (_, one) in enumerate(boxes):
        for _, other in boxes[index + 1 :]:
            beside = one["left"] + one["width"] <= other["left"] or other["left"] + other["width"] <= one["left"]
            above = one["top"] + one["height"] <= other["top"] or other["top"] + other["height"] <= one["top"]
            assert beside or above


@pytest.mark.parametrize("count", range(1, 13))
async def test_boxes_of_a_desk_need_no_scrolling(blank: Page, count: int) -> None:
    boxes = await run(blank, "consultation/boxes", BOXES, [kinds(count, 0), 816, 720, False])
    assert all(box["top"] + box["height"] <= 720 for _, box in boxes)


@pytest.mark.parametrize(
    ("large", "small", "across"), [(4, 0, 2), (6, 0, 1), (7, 0, 1), (8, 0, 0), (20, 0, 0), (1, 5, 1)]
)
async def test_phone_shows_some_across_the_stage_and_the_others_in_pairs(
    blank: Page, large: int, small: int, across: int
) -> None:
    boxes = await run(blank, "consultation/boxes", BOXES, [kinds(large, small), 382, 687, True])
    assert [box["width"] for _, box in boxes] == [382] * across + [187] * (large + small - across)
    if across:
        assert max(box["top"] + box["height"] for _, box in boxes) <= 687


@pytest.mark.parametrize(
    ("change", "source", "said", "own", "state"),
    [
        ({"picture_off": True}, {"tracks": ["video"]}, {"state": "live"}, None, "cutOff"),
        ({"online": False}, {"tracks": ["video"]}, {"state": "live"}, None, "away"),
        ({}, None, None, None, "noCamera"),
        ({}, {"tracks": []}, None, None, "noCamera"),
        ({}, {"tracks": ["audio"]}, {"state": "live"}, None, "microphoneOnly"),
        ({}, {"tracks": ["video"]}, {"state": "frozen"}, None, "frozen"),
        ({"person": ""}, {"tracks": ["audio"]}, {"state": "live"}, None, "audioOnly"),
        ({"person": ""}, {"tracks": []}, {"state": "offline"}, None, "offline"),
        ({}, None, None, {"on": True, "heard": False}, "live"),
        ({"sound_off": True}, {"tracks": ["audio"]}, {"state": "live"}, None, "soundCut"),
        ({"person": ""}, None, None, None, "offline"),
        ({}, None, None, {"on": False, "heard": True}, "ownSound"),
        ({}, None, None, {"on": False, "heard": False}, "ownOff"),
    ],
)
async def test_seat_says_why_there_is_no_picture(
    blank: Page, change: dict[str, Any], source: Any, said: Any, own: Any, state: str
) -> None:
    given = {"participant": participant("a", **change), "source": source, "said": said, "own": own}
    assert (await run(blank, "consultation/seatstate", "m.seatState(a)", given))["state"] == state


@pytest.mark.parametrize(
    ("change", "act", "reason"),
    [
        ({}, "ask", ""),
        ({"mine": "invited"}, "join", ""),
        ({"mine": "present"}, "back", ""),
        ({"mine": "waiting"}, "waiting", ""),
        ({"mine": "left"}, "join", ""),
        ({"mine": "removed"}, "ask", ""),
        ({"locked": True}, "ask", "locked"),
        ({"locked": True, "mine": "invited"}, "ask", "locked"),
        ({"locked": True, "mine": "left"}, "ask", ""),
        ({"locked": True, "may": ["chair"]}, "join", ""),
        ({"stage": "scheduled"}, "later", "scheduled"),
        ({"stage": "scheduled", "may": ["chair"]}, "start", ""),
    ],
)
async def test_card_offers_what_can_be_done(blank: Page, change: dict[str, Any], act: str, reason: str) -> None:
    base = {"stage": "running", "mine": "none", "locked": False, "may": ["see"]}
    got = await run(blank, "overview/offer", "m.offerOf(a)", {**base, **change})
    assert got == {"act": act, "reason": reason}


async def test_ones_own_place_is_joined_to_what_everybody_sees(blank: Page) -> None:
    got = await run(
        blank,
        "overview/places",
        """(async () => {
          const { Store } = await import("/js/store.js");
          const store = new Store();
          const shared = [{ id: "A", may: ["see"] }, { id: "B", may: ["see"] }];
          store.apply({ topic: "overview", reset: true, puts: { consultation: shared } });
          const place = [{ id: "A", mine: "present", may: ["see", "talk"] }, { id: "C", mine: "invited", may: [] }];
          store.apply({ topic: "places", reset: true, puts: { place, consultation: [{ id: "C", may: [] }] } });
          return [...m.consultationsOf(store).values()];
        })()""",
    )
    assert {one["id"]: (one["mine"], one["may"]) for one in got} == {
        "A": ("present", ["see", "talk"]),
        "B": ("none", ["see"]),
        "C": ("invited", []),
    }


@pytest.mark.parametrize(
    ("value", "micros"),
    [("2026-11-21T03:12", 1_795_201_920_000_000), ("", 0), ("soon", 0)],
)
async def test_time_of_a_consultation_is_meant_in_utc_plus_eight(blank: Page, value: str, micros: int) -> None:
    assert await run(blank, "overview/create", "m.beginsUs(a)", value) == micros
    if micros:
        again = await run(blank, "overview/create", "m.beginsUs(m.localValue(a / 1000))", micros)
        assert 0 <= again - micros < 300_000_000


ROWS = """(() => {
  const unit = (id, order, below) => ({ id, order, name_zh: id, units: below });
  const levels = {
    root: { known: true, units: [unit("U2", 2, 0), unit("U1", 1, 1)], people: [], endpoints: [] },
    U1: { known: true, units: [unit("U3", 0, 0)], people: [{ id: "P", name: "p" }], endpoints: [] },
  };
  const none = { known: false, units: [], people: [], endpoints: [] };
  return m.rowsOf((id) => levels[id] ?? none, new Set(a));
})()"""


async def test_tree_is_opened_level_by_level(blank: Page) -> None:
    rows = await run(blank, "tree/rows", ROWS, [])
    assert [(row["key"], row["open"]) for row in rows] == [("unit:U1", False), ("unit:U2", None)]
    rows = await run(blank, "tree/rows", ROWS, ["U1"])
    assert [(row["key"], row["depth"]) for row in rows] == [
        ("unit:U1", 0),
        ("person:P", 1),
        ("unit:U3", 1),
        ("unit:U2", 0),
    ]
    assert [(row["place"], row["size"]) for row in rows] == [(1, 2), (1, 2), (2, 2), (2, 2)]


KEY = """(() => {
  const rows = [
    { key: "unit:A", open: true, parent: "" }, { key: "unit:B", open: false, parent: "unit:A" },
    { key: "person:P", open: null, parent: "unit:A" },
  ];
  const step = m.keyStep(rows, a[0], a[1], 2);
  return step && { to: step.to ?? null, open: step.open?.key ?? null, close: step.close?.key ?? null };
})()"""


@pytest.mark.parametrize(
    ("at", "key", "expected"),
    [
        (-1, "ArrowDown", (0, None, None)),
        (0, "ArrowDown", (1, None, None)),
        (2, "ArrowDown", (2, None, None)),
        (0, "ArrowUp", (0, None, None)),
        (0, "ArrowRight", (1, None, None)),
        (1, "ArrowRight", (None, "unit:B", None)),
        (2, "ArrowRight", (None, None, None)),
        (0, "ArrowLeft", (None, None, "unit:A")),
        (2, "ArrowLeft", (0, None, None)),
        (0, "End", (2, None, None)),
        (2, "PageUp", (0, None, None)),
    ],
)
async def test_arrows_walk_the_tree(blank: Page, at: int, key: str, expected: tuple[Any, Any, Any]) -> None:
    got = await run(blank, "tree/rows", KEY, [at, key])
    assert (got["to"], got["open"], got["close"]) == expected


async def test_other_keys_are_not_the_trees(blank: Page) -> None:
    assert await run(blank, "tree/rows", KEY, [0, "x"]) is None


@pytest.mark.parametrize("top", [0, 17, 3_199_000, 9e9])
async def test_of_a_hundred_thousand_rows_only_those_in_view_are_drawn(blank: Page, top: float) -> None:
    got = await run(blank, "tree/rows", "m.windowOf(a, 800, 32, 100_000)", top)
    assert 0 <= got["first"] <= got["last"] <= 100_000
    assert got["last"] - got["first"] <= 800 / 32 + 18
    if top < 3_200_000:
        assert got["first"] * 32 <= top and (got["last"] * 32 >= min(top + 800, 3_200_000))


async def test_what_was_found_is_shown_with_what_the_tree_knows_of_it(blank: Page) -> None:
    found = [
        {"kind": "endpoint", "id": "E", "name_zh": "无人机", "endpoint_kind": "drone"},
        {"kind": "person", "id": "P", "name": "王强"},
    ]
    known = "(kind, id) => (id === 'P' ? { id, name: '王强', online: true } : null)"
    rows = await run(blank, "tree/rows", f"m.rowsFound(a, {known})", found)
    assert [(row["key"], row["record"].get("kind"), row["record"].get("online")) for row in rows] == [
        ("endpoint:E", "drone", None),
        ("person:P", None, True),
    ]


UP = """(async () => {
  const units = { V: { parent: "T" }, T: { parent: "C" }, C: { parent: "P" }, X: { parent: "Y" }, Y: { parent: "X" } };
  return m.unitsUp(a, async (id) => units[id] ?? null);
})()"""


@pytest.mark.parametrize(("unit", "up"), [("V", "VTC"), ("C", "C"), ("", ""), ("gone", ""), ("X", "XY")])
async def test_way_up_ends_at_what_one_may_not_see_and_at_a_cycle(blank: Page, unit: str, up: str) -> None:
    assert await run(blank, "tree/rows", UP, unit) == list(up)


def inbound(at: float, received: int, lost: int, mid: str = "1") -> dict[str, Any]:
    counts = {"packetsReceived": received, "packetsLost": lost, "bytesReceived": received * 1000}
    return {"type": "inbound-rtp", "mid": mid, "timestamp": at, "jitter": 0.01, "framesDecoded": received, **counts}


async def test_quality_is_of_the_time_between_two_reports(blank: Page) -> None:
    pair = {"type": "candidate-pair", "nominated": True, "currentRoundTripTime": 0.03}
    reports = [[inbound(0, 100, 5), pair], [inbound(10_000, 190, 15), inbound(10_000, 50, 0, "2"), pair]]
    told = """(() => {
      const [first, second] = a.map((some) => new Map(some.map((one, index) => [index, one])));
      return m.qualityOf(second, m.qualityOf(first, null).counts).message;
    })()"""
    got = await run(blank, "quality", told, reports)
    line = {"mid": "1", "loss": 0.1, "jitter_ms": 10, "bitrate_bps": 72_000, "fps": 9}
    assert got == {"t": "quality", "rtt_ms": 30, "lines": [line]}
