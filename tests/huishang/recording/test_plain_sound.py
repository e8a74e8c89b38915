"""Telephones' sound through a real node: recorded as it came, proved, and heard in the page and by its copies."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import numpy as np
from playwright.async_api import async_playwright

from recorder.files import Codec
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.session import SessionOptions
from signaling.sdp.offer import PublishTrack, offer_codecs
from tests.console.browser import CHROMIUM
from tests.console.node import PASSWORD, TOKEN, Node
from tests.console.node import sign_in as sign_in_page
from tests.huishang.recording.office import Office
from tests.patience import until
from tests.peers.browser import ALL_FLAGS
from tests.recorder.copies.sounds import SECOND, heard, payloads, shift_of, speech

RATE: Final = 8000
SECONDS: Final = 8
#: The sender's packets that it never sends: half a second.
HELD: Final = range(270, 295)
HERTZ: Final = 2900
#: Elements that are played, and the loudest tone of each.
LISTEN: Final = """() => {
  window.tones = [];
  const play = HTMLMediaElement.prototype.play;
  const known = new Set();
  HTMLMediaElement.prototype.play = function () {
    if (!known.has(this)) {
      known.add(this);
      const context = new AudioContext();
      const analyser = context.createAnalyser();
      context.createMediaElementSource(this).connect(analyser);
      const bins = new Float32Array(analyser.frequencyBinCount);
      setInterval(() => {
        analyser.getFloatFrequencyData(bins);
        const loudest = bins.indexOf(Math.max(...bins));
        if (bins[loudest] > -60) window.tones.push(loudest * context.sampleRate / analyser.fftSize);
      }, 20);
    }
    return play.call(this);
  };
}"""


def sent(codec: Codec) -> Any:
    """Give the sound that a telephone sends: what tells its time, and a tone."""
    rate = 16_000 if codec is Codec.G722 else RATE
    tone = 3000 * np.sin(2 * np.pi * HERTZ * np.arange(SECONDS * rate) / rate)
    return speech(rate, SECONDS) * 0.5 + tone


class Telephone:
    """Sends a sound once, in real time; `begun_us` is the UTC of its first sample."""

    def __init__(self, node: Node, codec: Codec, encoding: str) -> None:
        self.codec, self.name = codec, f"phone-{codec}"
        track = PublishTrack("audio", offer_codecs("audio", (encoding,)), self.name, "sound", self.name, 77)
        self._publisher = Publisher(
            f"{node.url}/whip/{self.name}?name=值班电话", [track], SessionOptions(HttpOptions(TOKEN))
        )
        self._payloads = payloads(codec, sent(codec))
        self.begun_us = 0

    async def start(self) -> None:
        await self._publisher.start()
        # A source is there with its first packet.
        self._publisher.send(0, self._payloads[-1], time.monotonic())

    async def send(self) -> None:
        begun = time.monotonic() + 0.5
        self.begun_us = time.time_ns() // 1000 + round((begun - time.monotonic()) * SECOND)
        for number, data in enumerate(self._payloads):
            at = begun + number * 0.02
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            if number not in HELD:
                self._publisher.send(0, data, at)

    async def close(self) -> None:
        await self._publisher.close()


@asynccontextmanager
async def called(folder: Path) -> AsyncIterator[tuple[Office, list[Telephone]]]:
    """Run a node and two telephones."""
    node = Node(folder)
    await node.start()
    phones = [Telephone(node, Codec.PCMU, "PCMU"), Telephone(node, Codec.G722, "G722")]
    try:
        await node.found()
        async with aiohttp.ClientSession(node.url) as http:
            office = Office(node, http)
            signed = await office.ask("POST", "/session", login="admin", password=PASSWORD)
            http.headers["Authorization"] = f"Bearer {signed['token']}"
            for phone in phones:
                await phone.start()
            await node.wait(lambda sources: all(phone.name in sources for phone in phones))
            yield office, phones
    finally:
        for phone in phones:
            with contextlib.suppress(Exception):
                await phone.close()
        await node.stop()


def parts(phone: Telephone, t0_us: int, copy: bytes) -> Iterator[tuple[float, float]]:
    """Tell of the seconds of a copy without a hole by how many ms they are late, and how alike."""
    rate = 16_000 if phone.codec is Codec.G722 else RATE
    original, sound = sent(phone.codec), heard(copy, rate)
    since_s = (t0_us - phone.begun_us) / SECOND
    for second in range(1, SECONDS - 1):
        begin = round((second - since_s) * rate)
        if second == 5 or begin < rate // 5 or begin + rate > len(sound):
            continue
        yield shift_of(sound[begin : begin + rate], original[second * rate : (second + 1) * rate], rate, 60)


async def test_telephones_are_recorded_as_they_came_and_heard_by_copies(tmp_path: Path) -> None:
    async with called(tmp_path) as (office, phones):
        recordings = {phone.name: await office.record(f"source:{phone.name}") for phone in phones}
        await asyncio.gather(*(phone.send() for phone in phones))
        for phone in phones:
            recording = recordings[phone.name]
            await office.end(recording)
            rows = await office.indexed(recording)
            assert {row["codec"] for row in rows} == {phone.codec.value} and len(rows) >= 2
            late = []
            for row in rows:
                address = f"/api/v1/recordings/{recording}/segments/{row['segment']}"
                async with office.http.get(address, params={"copy": "opus"}) as answer:
                    assert (answer.status, answer.content_type) == (200, "audio/mp4")
                    copy = await answer.read()
                late += [(by_ms, alike, row["error_us"]) for by_ms, alike in parts(phone, row["t0_us"], copy)]
            assert len(late) >= 3
            for by_ms, alike, error_us in late:
                # How exactly the node knows the sender's clock is told; a coder of G.722 is 1.4 ms late.
                assert alike > 0.9 and abs(by_ms) * 1000 < error_us + 5000, late
            assert np.abs(await held_of(office, recording, rows, phone)).max() < 300
        await hears(office, recordings[phones[0].name])
        assert list((tmp_path / "copies").iterdir())
        status, told = office.verify()
        assert status == 0, told


async def held_of(office: Office, recording: str, rows: list[dict[str, Any]], phone: Telephone) -> Any:
    """Give what the copies sound like while the telephone sent nothing."""
    rate = 16_000 if phone.codec is Codec.G722 else RATE
    begin_us = phone.begun_us + HELD.start * 20_000 + 60_000
    end_us = phone.begun_us + HELD.stop * 20_000 - 60_000
    found = [np.zeros(1)]
    for row in rows:
        async with office.http.get(
            f"/api/v1/recordings/{recording}/segments/{row['segment']}", params={"copy": "opus"}
        ) as answer:
            sound = heard(await answer.read(), rate)
        first, last = ((at - row["t0_us"]) * rate // SECOND for at in (begin_us, end_us))
        found.append(sound[max(0, first) : max(0, last)])
    return np.concatenate(found)


async def hears(office: Office, recording: str) -> None:
    """Replay it on the node's page, and hear the tone."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ALL_FLAGS)
        page = await browser.new_page()
        await page.add_init_script(f"({LISTEN})()")
        await sign_in_page(page, office.node)
        await page.goto(f"{office.node.url}/#replay={recording}")
        await page.locator("[data-act=play]").click()
        tones: list[float] = await until(
            "the tone is heard",
            lambda: page.evaluate("window.tones"),
            lambda heard: sum(abs(hertz - HERTZ) < 40 for hertz in heard) > 20,
        )
        assert tones
        await browser.close()
