"""Exports of a real node, ordered over HTTP; the process that makes them, and what lies on disk."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.huishang.recording.office import Office, _processes
from tests.patience import until

ENDED = ("made", "failed", "cancelled")


async def order(office: Office, recording: str, kind: str, **more: Any) -> str:
    """Order an export; return its id."""
    made = await office.ask("POST", f"/recordings/{recording}/exports", kind=kind, **more)
    return str(made["id"])


async def ended(office: Office, recording: str, export: str) -> dict[str, Any]:
    """Wait until an export is made or will not be."""
    path = f"/recordings/{recording}/exports/{export}"
    told: dict[str, Any] = await until(
        "the export", lambda: office.ask("GET", path), lambda told: told["state"] in ENDED
    )
    return told


async def made(office: Office, recording: str, export: str) -> dict[str, Any]:
    """Wait until an export is made."""
    told = await ended(office, recording, export)
    assert told["state"] == "made", told
    return told


async def status(office: Office, method: str, path: str, token: str = "", **body: Any) -> tuple[int, str]:
    """Give the status of an answer and the code of its refusal."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with office.http.request(method, f"/api/v1{path}", json=body, headers=headers) as answer:
        text = await answer.text() if answer.content_type.endswith("json") else ""
        return answer.status, json.loads(text).get("code", "") if text else ""


async def take(office: Office, recording: str, export: str, to: Path) -> dict[str, str]:
    """Take the file away; give the answer's headers."""
    async with office.http.get(f"/api/v1/recordings/{recording}/exports/{export}/file") as answer:
        assert answer.status == 200
        to.write_bytes(await answer.read())
        return dict(answer.headers)


def process() -> int | None:
    """Return the process that makes an export, None when there is none. One node runs at a time."""
    for pid in _processes():
        with contextlib.suppress(OSError):
            if b"recorder.export" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    return None


def left(office: Office) -> list[Path]:
    """Give the files of exports on disk."""
    return [path for path in (office.node.folder / "exports").rglob("*") if path.is_file()]


def probe(path: Path) -> dict[str, Any]:
    """Give what ffprobe says of a file: streams by kind, and its length."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", str(path)]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {each["codec_type"]: each for each in told["streams"]} | {"length": float(told["format"]["duration"])}


def verified(path: Path) -> dict[str, Any]:
    """Run `huishang verify` on a bundle; give what it tells of one that it accepts."""
    command = [sys.executable, "-m", "huishang", "verify", "--json", str(path)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    told: dict[str, Any] = json.loads(done.stdout)
    return told
