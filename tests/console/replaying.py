"""What the tests of the replay look at again: half a minute of a consultation, and a browser that plays its sound."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from recorder.files import Codec
from tests.console.browser import CHROMIUM
from tests.console.recorded import SECOND_US, SMALL, T0, Recorded
from tests.console.recordings_site import CONSULTATION, PERSON, RECORDING, RecordingsSite
from tests.patience import PATIENCE_S
from tests.peers.browser import ALL_FLAGS

HALL, FIELD, DRONE, VOICE, PHONE = (f"01KARR5QKB00000000000000T{number}" for number in range(5))
ABOUT: Final = {
    HALL: {"source": "s-hall", "unit": "u1", "person": "p1", "name": "县应急指挥中心"},
    FIELD: {"source": "s-field", "unit": "u2", "person": "p2", "name": "竹园镇现场"},
    DRONE: {"source": "s-drone", "unit": "u3", "person": "", "name": "一号无人机"},
    VOICE: {"source": "s-hall", "unit": "u1", "person": "p1", "name": "县应急指挥中心"},
    PHONE: {"source": "s-phone", "unit": "u4", "person": "", "name": "值班电话"},
}
#: Numbers of the pictures that the field never sent.
HOLE: Final = (200, 320)


def event(second: float, verb: str, of: str, **params: Any) -> dict[str, Any]:
    """Give an entry as the server's timeline has it."""
    return {
        "v": 1, "id": f"{verb}-{second}", "node": "n", "hlc": [T0 + round(second * SECOND_US), 0], "verb": verb,
        "actor": PERSON["id"], "object": of, "session": CONSULTATION, "from": {}, "params": params,
    }  # fmt: skip


EVENTS: Final = [
    event(0, "recording.begin", f"recording:{RECORDING}", title="山洪应急会商", why="asked"),
    event(3, "participant.join", "participant:drone"),
    event(7, "participant.word", "participant:field", word_us=1),
    event(9, "participant.word", "participant:field", word_us=0),
    event(19, "participant.word", "participant:hall", word_us=1),
    event(25, "consultation.spotlight", f"consultation:{CONSULTATION}", spotlight=["hall"]),
]


def turn(source: str, begin: float, end: float, entered: float = 0.0) -> dict[str, Any]:
    """Give a turn of speaking, which is entered once it is over."""
    times = {name: T0 + round(second * SECOND_US) for name, second in (("from_us", begin), ("to_us", end))}
    return event(entered or end + 2, "participant.spoke", f"participant:{source}", **times, heard=source)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RecordingsSite]:
    """Three pictures and two sounds of half a minute."""
    recorded = Recorded(tmp_path_factory.mktemp("recordings"))
    recorded.pictures(HALL, ABOUT[HALL], 0, 300)
    recorded.pictures(HALL, ABOUT[HALL], 300, 600, size=SMALL)
    recorded.pictures(FIELD, ABOUT[FIELD], 0, HOLE[0], codec=Codec.VP8)
    recorded.pictures(FIELD, ABOUT[FIELD], HOLE[1], 600, codec=Codec.VP8, gap="lost", since=HOLE[0])
    # It comes later, in AV1 at first.
    recorded.pictures(DRONE, ABOUT[DRONE], 60, 300, codec=Codec.AV1, seconds=4)
    recorded.pictures(DRONE, ABOUT[DRONE], 300, 600, seconds=4)
    recorded.sound(VOICE, ABOUT[VOICE], 0, 30)
    recorded.sound(PHONE, ABOUT[PHONE], 0, 30, codec=Codec.PCMA)
    site = RecordingsSite(recorded, EVENTS)
    await site.start()
    yield site
    await site.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def loud() -> AsyncIterator[Browser]:
    """A browser that plays sound unasked."""
    expect.set_options(timeout=PATIENCE_S * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ALL_FLAGS)
        yield browser
        await browser.close()
