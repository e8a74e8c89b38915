"""Whatever is in a name is shown as text: no script in it runs, and it turns no other text round."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.console.county import County
from tests.console.seat import Seat

pytestmark = pytest.mark.asyncio(loop_scope="package")
SCRIPTS = (
    "<img src=x onerror=window.hit=1>",
    "<script>window.hit=2</script>",
    '"><svg onload=window.hit=3>',
    "{{constructor.constructor('window.hit=4')()}}",
)
EMOJI = "👩‍🚒 مركز الطوارئ"


async def test_scripts_in_names_are_shown_and_never_run(browser: Browser, own_county: County) -> None:
    officer = await Seat.take(browser, own_county, "officer")
    unit = own_county.known.units["C"]
    for title in (*SCRIPTS, EMOJI):
        await officer.do("POST", "/consultations", {"title": title, "unit": unit, "invite": []})
        await officer.page.get_by_text(title, exact=True).first.wait_for()
    camera = {"unit": own_county.known.units["W"], "kind": "ip-camera", "name_zh": SCRIPTS[0]}
    await officer.do("POST", "/endpoints", camera)
    made = {"title": "防汛会商", "unit": unit, "invite": []}
    consultation = await officer.do("POST", "/consultations", made)
    await officer.join(consultation, picture=False)
    for text in SCRIPTS:
        await officer.do("POST", f"/consultations/{consultation}/messages", {"text": text})
        await officer.do("PUT", f"/consultations/{consultation}/announcement", {"text": text})
        await officer.page.get_by_text(text).first.wait_for(state="attached")
    assert await officer.page.evaluate("window.hit") is None
    assert await officer.page.locator("img[src=x], svg[onload]").count() == 0
    await officer.close()
