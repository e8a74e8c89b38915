"""What the page says and hears over the WebSocket, and what it makes of it; run in Chromium without any server."""

from typing import Any

import pytest
from playwright.async_api import Page

from tests.console.test_logic import run

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: `steps` on a Wire with a Store: ["watch", topic], ["unwatch", topic], ["hello"], ["welcome", epoch], ["receive",
#: message], ["broke"]; gives what each one has the page send.
DRIVE = """(async () => {
  const { Store } = await import("/js/store.js");
  const store = new Store();
  const wire = new m.Wire(store);
  const did = a.map(([what, given]) => {
    if (what === "hello") return wire.hello("T", "D");
    if (what === "welcome") return wire.welcomed({ epoch: given });
    return wire[what](given);
  });
  const names = (topic, kind) => [...store.of(topic, kind).values()].map((one) => one.name);
  return { did, known: store.knows("x"), names: names("x", "unit"), code: store.codeOf("x") };
})()"""


def state(seq: int, *names: str, reset: bool = False, drops: list[str] | None = None, more: bool = False) -> list[Any]:
    puts = {"unit": [{"id": name[0], "name": name} for name in names]}
    message = {"t": "state", "topic": "x", "seq": seq, "reset": reset, "puts": puts, "drops": {"unit": drops or []}}
    if more:
        message["more"] = True
    return ["receive", message]


async def drive(page: Page, *steps: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = await run(page, "wire", DRIVE, list(steps))
    return found


async def test_topic_is_asked_for_once_however_many_want_it(blank: Page) -> None:
    up = (["hello"], ["welcome", "E"])
    got = await drive(blank, *up, ["watch", "x"], ["watch", "x"], ["unwatch", "x"], ["unwatch", "x"])
    assert got["did"][2:] == [[{"t": "watch", "topic": "x"}], [], [], [{"t": "unwatch", "topic": "x"}]]


async def test_topics_wanted_before_the_welcome_are_asked_for_with_it(blank: Page) -> None:
    got = await drive(blank, ["watch", "x"], ["hello"], ["welcome", "E"])
    assert got["did"][0] == []
    assert "resume" not in got["did"][1]
    assert got["did"][2] == [{"t": "watch", "topic": "x"}]


async def test_records_come_change_and_go(blank: Page) -> None:
    up = (["watch", "x"], ["hello"], ["welcome", "E"])
    got = await drive(blank, *up, state(7, "a1", "b1", reset=True), state(8, "a2", "c1"), state(9, drops=["b"]))
    assert got["names"] == ["a2", "c1"]
    got = await drive(blank, *up, state(7, "a1", reset=True), state(20, "d1", reset=True))
    assert got["names"] == ["d1"]


async def test_topic_is_known_once_all_its_portions_are_there(blank: Page) -> None:
    up = (["watch", "x"], ["hello"], ["welcome", "E"])
    portions = (state(7, "a1", reset=True, more=True), state(7, "b1", more=True))
    got = await drive(blank, *up, *portions)
    assert not got["known"]
    got = await drive(blank, *up, *portions, state(7, "c1"), state(8, "d1"))
    assert got["known"] and got["names"] == ["a1", "b1", "c1", "d1"]
    assert got["did"][3:] == [[]] * 4


async def test_topic_that_was_broken_off_between_its_portions_is_asked_for_anew(blank: Page) -> None:
    before = (["watch", "x"], ["hello"], ["welcome", "E"], state(7, "a1", reset=True, more=True))
    got = await drive(blank, *before, ["broke"], ["hello"], ["welcome", "E"], state(7, "b1"))
    assert "resume" not in got["did"][5] and got["did"][6] == [{"t": "watch", "topic": "x"}]
    assert got["names"] == ["a1"] and not got["known"]


async def test_after_a_break_it_says_what_it_has_and_asks_again_for_nothing_of_it(blank: Page) -> None:
    before = (["watch", "x"], ["hello"], ["welcome", "E"], state(7, "a1", reset=True))
    got = await drive(blank, *before, ["broke"], ["watch", "y"], ["hello"], ["welcome", "E"], state(8, "b1"))
    assert got["did"][6]["resume"] == {"epoch": "E", "topics": {"x": 7}}
    assert got["did"][7] == [{"t": "watch", "topic": "y"}]
    assert got["names"] == ["a1", "b1"]


async def test_what_was_left_during_a_break_is_given_back(blank: Page) -> None:
    before = (["watch", "x"], ["hello"], ["welcome", "E"], state(7, "a1", reset=True))
    got = await drive(blank, *before, ["broke"], ["hello"], ["unwatch", "x"], ["welcome", "E"], state(8, "b1"))
    assert got["did"][7] == [{"t": "unwatch", "topic": "x"}]
    assert got["names"] == []


async def test_missing_change_begins_the_topic_again_and_an_old_one_is_dropped(blank: Page) -> None:
    before = (["watch", "x"], ["hello"], ["welcome", "E"], state(7, "a1", reset=True))
    got = await drive(blank, *before, state(9, "b1"), state(10, "c1"))
    assert got["did"][4] == [{"t": "unwatch", "topic": "x"}, {"t": "watch", "topic": "x"}]
    assert got["names"] == ["a1"]
    got = await drive(blank, *before, state(6, "b1"))
    assert got["names"] == ["a1"]


async def test_topic_that_is_gone_holds_nothing_and_says_why(blank: Page) -> None:
    gone = ["receive", {"t": "gone", "topic": "x", "code": "forbidden"}]
    got = await drive(blank, ["watch", "x"], ["hello"], ["welcome", "E"], state(7, "a1", reset=True), gone)
    assert (got["known"], got["names"], got["code"]) == (False, [], "forbidden")


async def test_message_of_a_newer_server_is_ignored(blank: Page) -> None:
    got = await drive(blank, ["watch", "x"], ["hello"], ["welcome", "E"], ["receive", {"t": "later"}])
    assert got["did"][3] == []


ASK = """(async () => {
  const { Store } = await import("/js/store.js");
  const wire = new m.Wire(new Store());
  const settle = (answer) => answer.then((done) => [done.t, done.object], (error) => [error.code, error.field]);
  const early = settle(wire.request({ t: "act" }).answer);
  wire.welcomed({ epoch: "E" });
  const [one, two, three] = [1, 2, 3].map(() => wire.request({ t: "act", name: "n" }));
  const all = [one, two, three].map(({ answer }) => settle(answer));
  wire.receive({ t: "refused", id: two.message.id, code: "too-long", field: "title" });
  wire.receive({ t: "done", id: one.message.id, object: "01J" });
  wire.receive({ t: "done", id: "nobody's", object: "" });
  wire.broke();
  return [await early, ...(await Promise.all(all))];
})()"""


async def test_each_request_gets_its_own_answer_whatever_their_order(blank: Page) -> None:
    early, one, two, three = await run(blank, "wire", ASK)
    assert early[0] == "not-connected"
    assert one == ["done", "01J"]
    assert two == ["too-long", "title"]
    assert three[0] == "link-lost"


@pytest.mark.parametrize(
    ("left_ms", "wait_ms"),
    [(600_000, 480_000), (100_000, 80_000), (1, 5_000), (-10, 480_000), (3_600_000, 480_000)],
)
async def test_token_is_renewed_before_its_end_also_where_the_clocks_differ(
    blank: Page, left_ms: int, wait_ms: int
) -> None:
    assert await run(blank, "account", "m.renewInMs(1e12 + a, 1e12)", left_ms) == wait_ms


@pytest.mark.parametrize(
    ("fragment", "page", "identifier"),
    [
        ("", "overview", ""),
        ("#/", "overview", ""),
        ("#/consultation/01J", "consultation", "01J"),
        ("#/consultation/", "overview", ""),
        ("#/consultation/a%2Fb", "consultation", "a/b"),
        ("#/consultation/%E0", "consultation", "%E0"),
        ("#/admin/people", "admin", "people"),
        ("#/signin", "signin", ""),
        ("#/nowhere", "overview", ""),
        ("#welcome=01J.x-y_z", "welcome", "01J.x-y_z"),
        ("#wall", "overview", ""),
    ],
)
async def test_address_leads_to_a_page(blank: Page, fragment: str, page: str, identifier: str) -> None:
    got = await run(blank, "route", "m.parse(a)", fragment)
    assert (got["page"], got["id"]) == (page, identifier)


@pytest.mark.parametrize(("page", "identifier"), [("overview", ""), ("consultation", "a/b c"), ("signin", "")])
async def test_address_of_a_page_leads_back_to_it(blank: Page, page: str, identifier: str) -> None:
    got = await run(blank, "route", "m.parse(m.addressOf(a[0], a[1]))", [page, identifier])
    assert (got["page"], got["id"]) == (page, identifier)
