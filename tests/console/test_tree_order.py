"""The order of a level of the tree is the same whether it was made anew or from the one before."""

import random

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="package")

ORDERS = """async (steps) => {
  const { Order } = await import("./js/tree/order.js");
  const kept = new Order();
  const compare = (a, b) => a.at - b.at || (a.id < b.id ? -1 : 1);
  return steps.map((pairs) => {
    const records = pairs.map(([id, at]) => ({ id, at }));
    const fresh = [...records].sort(compare);
    const ids = (all) => all.map((one) => `${one.id}:${one.at}`).join();
    const got = kept.of("x/unit", records, compare);
    return ids(got) === ids(fresh) && kept.of("x/unit", records, compare) === got;
  });
}"""


@pytest.mark.parametrize("seed", range(20))
async def test_order_after_any_changes_is_that_of_a_list_sorted_anew(blank: Page, seed: int) -> None:
    chance = random.Random(seed)
    steps = [
        [(name, chance.randrange(4)) for name in chance.sample("abcdefgh", chance.randrange(9))] for _ in range(50)
    ]
    assert all(await blank.evaluate(ORDERS, steps))


STEPS = """async (names) => {
  const { sorting } = await import("./js/tree/order.js");
  const records = names.map((name, id) => ({ id, name }));
  const steps = sorting(records, compare);
  let [compared, most] = [0, 0];
  function compare(a, b) { compared += 1; return a.name.localeCompare(b.name, "zh-CN"); }
  let step = steps.next();
  for (; !step.done; step = steps.next()) { most = Math.max(most, compared); compared = 0; }
  const fresh = [...records].sort(compare);
  return { same: step.value.every((one, at) => one === fresh[at]) && step.value.length === fresh.length, most };
}"""


@pytest.mark.parametrize("count", [0, 1, 127, 129, 3000])
async def test_long_list_is_sorted_in_short_steps_as_it_would_be_at_once(blank: Page, count: int) -> None:
    chance = random.Random(count)
    names = ["".join(chance.sample("王李张刘陈杨赵黄周吴", 2)) for _ in range(count)]
    got = await blank.evaluate(STEPS, names)
    assert got["same"]
    assert got["most"] <= 1000


LONG = """async () => {
  const { Order } = await import("./js/tree/order.js");
  const { rowsOf } = await import("./js/tree/rows.js");
  const order = new Order();
  let people = Array.from({ length: 600 }, (_, at) => ({ id: `p${at}`, name: `n${(at * 7) % 600}` }));
  const unit = { id: "u", name_zh: "U", order: 0, people: 600 };
  const none = { known: true, units: [], people: [], endpoints: [] };
  const level = (id) => (id === "root" ? { ...none, units: [unit] } : { ...none, people });
  const rows = (told) => rowsOf(level, new Set(["u"]), order, told).map((row) => row.kind);
  const before = await new Promise((done) => { const first = rows(() => done(first)); });
  const after = rows();
  people = [...people, { id: "late", name: "n3" }];
  return [before, after.length, rows().length];
}"""


async def test_long_level_is_on_its_way_until_it_is_sorted_and_then_takes_one_more_at_once(blank: Page) -> None:
    assert await blank.evaluate(LONG) == [["unit", "asking"], 601, 602]
