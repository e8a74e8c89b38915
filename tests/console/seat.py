"""Somebody's page in a consultation: signed in by a one-time link, joined by clicking, its packets counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, Page

from tests.console.county import County
from tests.patience import PATIENCE_S, until

#: Keeps the page's connections and what it does at a headset's buttons where a test finds them; the page knows nothing
#: of it.
_WATCH: Final = """
const Real = RTCPeerConnection;
window.connections = [];
window.RTCPeerConnection = class extends Real {
  constructor(...given) { super(...given); window.connections.push(this); }
};
window.buttons = {};
const wear = MediaSession.prototype.setActionHandler;
MediaSession.prototype.setActionHandler = function (name, act) {
  wear.call(this, name, act);
  window.buttons[name] = act;
};
"""
_INBOUND: Final = """
async () => {
  const found = {};
  for (const pc of window.connections) {
    if (pc.connectionState !== "connected") continue;
    for (const [, item] of await pc.getStats()) {
      if (item.type !== "inbound-rtp") continue;
      found[`${window.connections.indexOf(pc)}/${item.mid}/${item.kind}`] = item.packetsReceived;
    }
  }
  return found;
}
"""


@dataclass(slots=True)
class Seat:
    """One person's page."""

    county: County
    login: str
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)
    _token: str = ""

    @staticmethod
    async def take(browser: Browser, county: County, login: str, link: str = "", script: str = "") -> Seat:
        """Open the page of a person, by `link` if it is none of the county's own; the overview is on it then.

        `script` runs in it before anything else.
        """
        context = await browser.new_context(
            viewport={"width": 1280, "height": 800}, ignore_https_errors=True, locale="zh-CN"
        )
        context.set_default_timeout(PATIENCE_S * 1000)
        await context.add_init_script(script + _WATCH)
        page = await context.new_page()
        seat = Seat(county, login, context, page)
        page.on("pageerror", lambda error: seat.faults.append(str(error)))
        await page.goto(link or county.link(login))
        await page.get_by_text("已连接").first.wait_for()
        return seat

    async def join(self, consultation: str, *, sound: bool = True, picture: bool = True) -> None:
        """Go in with microphone and camera."""
        await self.page.goto(f"{self.county.url}/#/consultation/{consultation}")
        for wanted, name in ((sound, "打开话筒"), (picture, "打开摄像头")):
            box = self.page.get_by_role("checkbox", name=name)
            if await box.is_checked() != wanted:
                await box.click()
        await self.page.get_by_role("button", name="加入会商").click()
        await self.page.get_by_role("button", name="离开").first.wait_for()

    async def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Ask the interface as this person, with the sign-in of the page."""
        if not self._token:
            answer = await self.context.request.post(
                f"{self.county.url}/api/v1/session/refresh", headers={"X-Huishang": "1"}
            )
            self._token = (await answer.json())["token"]
        answer = await self.context.request.fetch(
            f"{self.county.url}/api/v1{path}",
            method=method,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            data=body if body is not None else {},
        )
        return answer.status, await answer.json() if await answer.body() else None

    def forget(self) -> None:
        """Ask with another token from now on."""
        self._token = ""

    async def do(self, method: str, path: str, body: dict[str, Any] | None = None) -> str:
        """Do an act as this person; return the id of what it made."""
        status, answer = await self.api(method, path, body)
        assert status in (200, 201), answer
        return str(answer["object"])

    async def inbound(self, kind: str) -> int:
        """Return how many packets of this kind the page has received on its present connections."""
        counts: dict[str, int] = await self.page.evaluate(_INBOUND)
        return sum(count for name, count in counts.items() if name.endswith(kind))

    async def flows(self, kind: str) -> None:
        """Wait until packets of this kind come in."""
        before = await self.inbound(kind)
        await until(f"{self.login} gets {kind}", lambda: self.inbound(kind), lambda now: now > before + 10)

    async def rests(self, kind: str, other: str) -> None:
        """Wait until packets of this kind have stopped while those of the other kind go on."""

        async def stretch() -> int:
            before = await self.inbound(kind)
            await self.flows(other)
            return await self.inbound(kind) - before

        await until(f"{self.login} gets no {kind}", stretch, lambda more: more == 0)

    async def close(self) -> None:
        """Close the page; it must have met no fault."""
        await self.context.close()
        assert self.faults == []
