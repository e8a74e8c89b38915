"""What the page publishes in layers, at a real server: each arrives, and those nobody needs are not sent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from media.plane.objects import PlanePublication
from tests.patience import until
from tests.peers import colour
from tests.peers.door import Desk, Door, open_desk, open_door

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(loop_scope="package")
async def door() -> AsyncIterator[Door]:
    async with open_door() as door:
        yield door


@pytest_asyncio.fixture(loop_scope="package")
async def camera(browser: Browser, door: Door) -> AsyncIterator[Desk]:
    async with open_desk(browser, door) as desk:
        yield desk


def publication(door: Door) -> PlanePublication:
    return door.node.exchange.media["camera"].publications["video"]


def is_published(door: Door) -> bool:
    media = door.node.exchange.media.get("camera")
    return media is not None and "video" in media.publications


async def more_of(door: Door, layers: int, *, of: tuple[int, ...] | None = None) -> list[int]:
    """Wait until `of` its layers (None: all) have sent more pictures; give how many packets came of each meanwhile."""
    wanted = range(layers) if of is None else of

    def packets() -> list[int]:
        """Empty while a page that lost its connection, because the machine stood still, makes another."""
        return [item["packets"] for item in publication(door).stats()] if is_published(door) else []

    before = await until("all layers", packets, lambda now: len(now) == layers)

    def more(now: list[int]) -> bool:
        return len(now) == layers and all(now[layer] > before[layer] + 3 for layer in wanted)

    after = await until("more", packets, more)
    return [now - then for now, then in zip(after, before, strict=True)]


@pytest.mark.parametrize(("size", "rids"), [((640, 360), "hf"), ((1280, 720), "qhf")], ids=["360p", "720p"])
async def test_every_layer_arrives_and_those_that_nobody_needs_rest(
    camera: Desk, door: Door, size: tuple[int, int], rids: str
) -> None:
    await camera.call("publishLayered", "camera", colour.COLOURS["red"], *size)
    await camera.connected()
    await more_of(door, len(rids))

    await camera.call("need", [rids[0]])
    needed = {rid: rid == rids[0] for rid in rids}
    await until("the others rest", lambda: camera.call("active"), needed.__eq__)

    async def rest_of() -> list[int]:
        return (await more_of(door, len(rids), of=(0,)))[1:]

    await until("nothing of the others comes", rest_of, lambda came: not any(came))

    await camera.call("need", list(rids))
    await more_of(door, len(rids))


async def test_camera_that_is_switched_on_again_has_all_its_layers_and_leaves_no_lines_behind(
    camera: Desk, door: Door
) -> None:
    for turn in range(5):
        await camera.call("publishLayered", "camera", colour.COLOURS["red"], 640, 360)
        await camera.connected()
        await until("it is published", lambda: is_published(door))
        await more_of(door, 2)
        if turn == 0:
            await camera.take(("back", "camera", "video", ""))
        await camera.shows("back", "red")
        await camera.call("withdraw", "camera-video")
        await until("it is not", lambda: not is_published(door))
        # The browser gives the place of a line that has ended to the next but one.
        assert await camera.call("width") <= 4


async def test_new_connection_begins_with_all_layers(camera: Desk, door: Door) -> None:
    await camera.call("publishLayered", "camera", colour.COLOURS["red"], 640, 360)
    first = await camera.connected()
    await camera.call("need", ["h"])
    await until("one rests", lambda: camera.call("active"), {"h": True, "f": False}.__eq__)
    # Another line in the same connection changes nothing.
    await camera.take(("back", "camera", "video", ""))
    await camera.shows("back", "red")
    assert await camera.call("active") == {"h": True, "f": False}
    door.connections.end(first)
    await until("another connection", camera.connected, lambda now: now != first)
    await until("all layers", lambda: camera.call("active"), {"h": True, "f": True}.__eq__)


@pytest.mark.parametrize(
    ("size", "rids"),
    [((1920, 1080), "qhf"), ((720, 1280), "qhf"), ((640, 480), "hf"), ((320, 180), ""), ((None, None), "")],
)
async def test_layers_follow_the_short_side(camera: Desk, size: tuple[int | None, int | None], rids: str) -> None:
    encodings = await camera.page.evaluate(
        "async ([width, height]) => (await import('/js/encodings.js')).encodingsOf({ width, height })", list(size)
    )
    assert "".join(one["rid"] for one in encodings or ()) == rids
    assert [one["scaleResolutionDownBy"] for one in encodings or ()] == [1 << at for at in reversed(range(len(rids)))]
