"""The order of a level of the tree is the same whether it was made anew or from the one before."""

import random

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDERS = """async (steps) => {
  const { Order } = await import("./js/tree/rows.js");
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
