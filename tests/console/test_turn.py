"""Pages that reach nothing but a TURN server: pictures and sound both ways through it, and credentials that end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, WebSocketRoute, async_playwright, expect

from signaling.ice.turn import Turn
from tests.console.browser import CHROMIUM, FLAGS
from tests.console.county import PEOPLE, County
from tests.console.seat import Seat
from tests.console.test_meeting import seat
from tests.coturn import SECRET, Coturn, coturn
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: A page behind a firewall that lets it reach the TURN server only, in one way.
BEHIND: Final = """
const Open = RTCPeerConnection;
const behind = ({ iceServers, ...more }) => {
  const pass = (urls) => [urls].flat().filter((url) => %s.test(url));
  const servers = iceServers.map((one) => ({ ...one, urls: pass(one.urls) }));
  return { ...more, iceTransportPolicy: "relay", iceServers: servers };
};
window.RTCPeerConnection = class extends Open {
  constructor(given) { super(behind(given)); }
  setConfiguration(given) { super.setConfiguration(behind(given)); }
};
"""
WAYS: Final = {"udp": "/^turn:.*=udp/", "tcp": "/^turn:.*=tcp/", "tls": "/^turns:/"}
#: How the pages' connections reach the server now: the kind of their own end, and how they reach the TURN server.
PAIRS: Final = """async () => {
  const found = [];
  for (const pc of window.connections.filter(({ connectionState }) => connectionState === "connected")) {
    const report = new Map(await pc.getStats());
    const { selectedCandidatePairId } = [...report.values()].find(({ type }) => type === "transport");
    const local = report.get(report.get(selectedCandidatePairId).localCandidateId);
    found.push([local.candidateType, local.relayProtocol]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    with coturn(tmp_path_factory.mktemp("coturn")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def county(tmp_path_factory: pytest.TempPathFactory, turn: Coturn) -> AsyncIterator[County]:
    urls = json.dumps(list(turn.urls.values()))
    county = County(tmp_path_factory.mktemp("county"), f"[turn]\nurls = {urls}\nsecret = '{SECRET}'\n")
    await county.start()
    yield county
    await county.stop()
    assert SECRET not in (county.folder / "node.log").read_text()


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    """A browser that takes the TURN server's certificate, whose authority it does not know."""
    expect.set_options(timeout=PATIENCE_S * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, "--ignore-certificate-errors"]
        )
        yield browser
        await browser.close()


async def meet(officer: Seat, east: Seat) -> None:
    """Both in a consultation with sound and picture."""
    unit = officer.county.known.units["C"]
    made = {"title": "闭网会商", "unit": unit, "invite": [f"unit:{unit}"]}
    consultation = await officer.do("POST", "/consultations", made)
    for one in (officer, east):
        await one.join(consultation)


async def see_each_other(officer: Seat, east: Seat) -> None:
    for one, other in ((officer, "east"), (east, "officer")):
        await expect(seat(one.page, PEOPLE[other][1])).to_have_attribute("data-state", "live")
        for kind in ("video", "audio"):
            await one.flows(kind)


async def taken(browser: Browser, chief: Seat, login: str, script: str) -> Seat:
    """Open somebody's page, with `script` in it before anything else."""
    person = chief.county.known.people[login]
    status, made = await chief.api("POST", "/welcomes", {"person": person})
    assert status == 201
    return await Seat.take(browser, chief.county, login, f"{chief.county.url}/#welcome={made['welcome']}", script)


@pytest.mark.parametrize("way", WAYS)
async def test_pages_that_reach_the_turn_server_alone_see_and_hear_each_other(
    browser: Browser, chief: Seat, way: str
) -> None:
    officer, east = [await taken(browser, chief, login, BEHIND % WAYS[way]) for login in ("officer", "east")]
    await meet(officer, east)
    await see_each_other(officer, east)
    for one in (officer, east):
        assert await one.page.evaluate(PAIRS) == [["relay", way]]
        await one.close()


async def test_credentials_that_have_ended_are_refused_and_renewed_ones_bring_the_page_through(
    browser: Browser, chief: Seat, turn: Coturn
) -> None:
    officer, east = [await taken(browser, chief, login, BEHIND % WAYS["udp"]) for login in ("officer", "east")]
    (ended,) = Turn((turn.urls["udp"],), SECRET, 600).servers("late", time.time() - 601)
    fresh: list[dict[str, Any]] = []
    lines: list[WebSocketRoute] = []

    def pass_on(line: WebSocketRoute) -> None:
        server = line.connect_to_server()

        def told(said: str | bytes) -> None:
            message = json.loads(said)
            if message["t"] == "welcome":
                fresh[:] = message["ice_servers"]
                message["ice_servers"] = [msgspec.to_builtins(ended)]
            line.send(json.dumps(message))

        server.on_message(told)
        lines.append(line)

    await east.page.route_web_socket(re.compile("/api/v1/ws"), pass_on)
    await east.page.reload()
    await meet(officer, east)
    await until("the TURN server refuses", lambda: "late" in turn.log)
    lines[-1].send(json.dumps({"t": "servers", "servers": fresh}))
    await see_each_other(officer, east)
    # A restart of ICE, a day later, finds those of the beginning ended.
    connections = await east.page.evaluate("() => window.connections.length")
    renewed = Turn((turn.urls["udp"],), SECRET, 600).servers("renewed", time.time())
    lines[-1].send(json.dumps({"t": "servers", "servers": msgspec.to_builtins(renewed)}))
    await east.page.evaluate("() => { dispatchEvent(new Event('online')); }")
    await until("ICE restarts with renewed credentials", lambda: "renewed" in turn.log)
    await see_each_other(officer, east)
    assert await east.page.evaluate("() => window.connections.length") == connections
    for one in (officer, east):
        await one.close()
