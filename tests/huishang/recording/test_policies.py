"""A node that records of itself: by a policy as soon as something is live, and everything in an emergency."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

from recorder.book.evidence import is_closed
from tests.huishang.recording.office import UNIT, Office, office
from tests.huishang.recording.test_service import is_sound
from tests.patience import until

#: A device of the directory: its source has its id.
DRONE = replace(UNIT, id="01ARZ3NDEKTSV4RRFFQ69G5FAV")
#: Between the end of one file and the beginning of the next: each has its own anchor in time. A sound that were missing
#: would be 20 ms, and pictures up to a keyframe a second.
NO_GAP_US = 15_000


async def begun(node: Office, of: str, *others: str) -> str:
    """Wait until something is recorded, by a recording that is none of these; return that."""

    def other(told: dict[str, Any]) -> list[str]:
        found = (each for each in told["items"] if not each["ended_us"])
        return [each["id"] for each in found if each["id"] not in others]

    told = await until("a recording", lambda: node.ask("GET", f"/recordings?of={of}"), other)
    return other(told)[0]


async def closed(node: Office, recording: str) -> bool:
    """Wait until a recording has ended."""
    return bool(await until("the closure", lambda: is_closed(node.root, recording)))


async def test_what_policies_want_is_recorded_goes_on_without_a_hole_and_ends_with_them(tmp_path: Path) -> None:
    async with office(tmp_path, unit=DRONE) as node:
        unit = (await node.ask("GET", "/units"))["items"][0]["id"]
        await node.ask("POST", "/endpoints", id=DRONE.id, unit=unit, kind="drone", name_zh="一号无人机")
        meeting = (await node.ask("POST", "/consultations", title="防汛会商", unit=unit))["object"]
        source = f"source:{DRONE.id}"

        rule = {"unit": unit, "what": "sources", "kinds": ["drone"], "retention": "brief", "period_us": 10_000_000}
        policy = (await node.ask("POST", "/policies", **rule))["object"]
        first = await begun(node, source)
        await begun(node, source, first)
        await closed(node, first)
        await node.ask("PATCH", f"/policies/{policy}", period_us=3_600_000_000)
        last = await begun(node, source)
        await node.told(last, 1)

        await node.ask("POST", f"/units/{unit}/emergency", reason="溃堤")
        whole = await begun(node, f"consultation:{meeting}")
        await node.ask("DELETE", f"/policies/{policy}")
        told = await node.ask("GET", f"/recordings/{last}/tracks")
        assert told["recording"]["why"] == "policy" and told["recording"]["retention"] == "lasting"
        await node.ask("DELETE", f"/units/{unit}/emergency")
        await closed(node, last)
        await closed(node, whole)
        assert not (await node.ask("GET", "/policies"))["items"]
        async with node.http.get("/metrics") as answer:
            assert "huishang_recordings_unmet 0" in await answer.text()
        assert node.contents(whole, "opening")[0]["why"] == "emergency"

        told = await node.ask("GET", f"/recordings?of={source}")
        chains = [node.contents(each["id"], "segment") for each in reversed(told["items"])]
        for kind in ("video", "audio"):
            files = {each["file"]: each for chain in chains for each in chain if each["about"]["kind"] == kind}
            assert len({each["track"] for each in files.values()}) == 1, "the track went on"
            found = sorted(files.values(), key=lambda each: each["number"])
            assert [each["number"] for each in found] == list(range(1, len(found) + 1)), "no file is in neither chain"
            for earlier, later in itertools.pairwise(found):
                hole_us = abs(later["start"] - earlier["end"])
                # What a sender on a busy machine did, or what became known of its clock, is told and not ours.
                before, why = ({gap[0] for gap in each["gaps"]} for each in (earlier, later))
                assert hole_us <= NO_GAP_US or (before | why) & {"clock", "silent", "lost"}, later["file"]
                assert not why & {"ring", "worker", "held", "no-keyframe"}, why
            assert found[0] in chains[0] and found[-1] in chains[-1]
        await node.node.stop()
        assert is_sound(node)
