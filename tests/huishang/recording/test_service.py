"""A node that records: what is ordered is on disk and proved."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from recorder.book.evidence import is_closed
from recorder.export.archive import write_folder
from recorder.export.bundle import bundle_of
from tests.huishang.recording.office import UNIT, Office, office
from tests.patience import until
from tests.recorder.book.test_stamper import Served, serving
from tests.recorder.proof.authority import Authority


def is_sound(office: Office) -> bool:
    """Tell whether verification finds nothing wrong; that it cannot know everything is no fault."""
    status, told = office.verify()
    assert status == 0, told
    return True


def is_sound_by(command: list[str], folder: Path) -> bool:
    """Ask another program, or ours in a folder of its own."""
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


async def test_recordings_that_overlap_share_files_and_each_is_proved_alone(tmp_path: Path) -> None:
    async with office(tmp_path) as node:
        first = await node.record(f"source:{UNIT.id}")
        await node.told(first, 1)
        unit = (await node.ask("GET", "/units"))["items"][0]["id"]
        meeting = (await node.ask("POST", "/consultations", title="防汛会商", unit=unit))["object"]
        await node.ask("POST", f"/consultations/{meeting}/sources", source=UNIT.id)
        second = await node.record(f"consultation:{meeting}")
        shared = await node.told(second, 1)
        await node.ask("PUT", f"/recordings/{second}/pause", paused=True)
        await node.end(first)
        await node.ask("PUT", f"/recordings/{second}/pause", paused=False)

        def gaps() -> set[str]:
            return {why for each in node.contents(second, "segment") for why, _, _ in each.get("gaps", [])}

        await until("a file from after the pause", lambda: "held" in gaps())
        await node.ask("POST", f"/consultations/{meeting}/end")
        await until("the closure", lambda: is_closed(node.root, second))
        files = {each["file"] for each in shared}
        assert files & {each["file"] for each in node.contents(first, "segment")}, "each file once, in both chains"
        assert len({each["track"] for each in node.contents(second, "segment")}) == 2
        assert node.contents(second, "opening")[0]["title"] == "防汛会商"
        assert node.contents(second, "pause") and node.contents(second, "resume")
        verbs = {each["entry"]["verb"] for each in node.contents(second, "event")}
        assert {"recording.begin", "recording.pause"} <= verbs
        some = (await node.indexed(second))[0]
        async with node.http.get(f"/api/v1/recordings/{second}/segments/{some['segment']}") as answer:
            assert len(await answer.read()) == some["bytes"]
        events = (await node.ask("GET", f"/recordings/{second}/events"))["items"]
        assert {"recording.pause", "consultation.end"} <= {each["verb"] for each in events}
        await node.node.stop()
        for entry in bundle_of(node.root, second).entries:
            assert first.encode() not in b"".join(entry.pieces()), entry.name
        assert is_sound(node)


async def test_authority_witnesses_a_recording_as_soon_as_it_has_ended(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority", "one")
    settings = "[recording]\ndigests = ['sha256', 'sm3']\ntime_stamp_certificates = ['authority/root.pem']\n"
    async with (
        serving(one=Served(authority)) as url,
        office(tmp_path, f"{settings}time_stamps = ['{url}/one']\n") as node,
    ):
        recording = await node.record(f"source:{UNIT.id}")
        await node.told(recording, 1)
        await node.ask("POST", "/node/keys/rotate")
        await until("another key", lambda: len(list((node.root / "proof" / "keys").iterdir())) == 2)
        await node.end(recording)

        def witnessed() -> bool:
            status, told = node.verify()
            assert status == 0, told
            # Its certificate came with the files only.
            return "authority-unpinned" in {finding["code"] for finding in told["findings"]}

        await until("a token", witnessed)
        told = (await node.ask("GET", "/timeline"))["items"]
        assert "keys.rotate" in {entry["verb"] for entry in told}
        await node.node.stop()
        _, verified = node.verify()
        by = {f["code"]: f.get("detail") for f in verified["findings"] if f.get("session") == recording}
        assert by["chain-intact"] == by["files-intact"] == "SHA-256, SM3"
        write_folder(bundle_of(node.root, recording), tmp_path / "bundle")
    assert is_sound_by(["cksum", "-a", "sm3", "-c", "--quiet", "SM3SUMS"], tmp_path / "bundle")
    assert is_sound_by([sys.executable, "-m", "huishang", "verify", "."], tmp_path / "bundle")
