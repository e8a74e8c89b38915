"""Whoever has reason to doubt that the server is there knows it within seconds."""

import json

import pytest
from playwright.async_api import Browser, WebSocketRoute

from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="package")

OPEN = """async () => {
  const { Link } = await import("/js/link.js");
  const account = { token: "T", renew: async () => {} };
  window.link = new Link({ account, device: "D", changed: () => {}, heard: () => {} });
  const { clock } = window.link;
  const sample = clock.sample.bind(clock);
  window.heard = 0;
  clock.sample = (...given) => {
    window.heard += 1;
    sample(...given);
  };
  window.link.open();
}"""
WELCOME = {"t": "welcome", "version": 1, "epoch": "E", "now_us": 1, "node": "n", "person": {}, "rights": []}
ASK = {
    "back from sleep": "() => window.link.hurry()",
    "media gone": "() => window.link.doubt()",
}


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("reason", ASK)
async def test_server_that_does_not_answer_is_given_up(
    browser: Browser, files: str, reason: str, answers: bool
) -> None:
    page = await browser.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    await page.clock.install()
    awake = True

    def serve(line: WebSocketRoute) -> None:
        def receive(text: str | bytes) -> None:
            message = json.loads(text)
            if message["t"] == "hello":
                line.send(json.dumps(WELCOME))
            elif message["t"] == "ping" and awake:
                line.send(json.dumps({"t": "pong", "at": message["at"], "now_us": 2}))

        line.on_message(receive)

    await page.route_web_socket("**/api/v1/ws", serve)
    await page.goto(f"{files}/icons.svg")
    await page.evaluate(OPEN)
    await page.wait_for_function("() => window.link.state === 'up'")
    await page.clock.run_for(3_000)
    await page.wait_for_function("() => window.heard === 4")  # the welcome, and the first pings
    awake = answers
    await page.evaluate(ASK[reason])
    if answers:
        await page.wait_for_function("() => window.heard === 5")
    await page.clock.run_for(6_000)
    assert await page.evaluate("() => window.link.lostAt > 0") is not answers
    await page.close()
