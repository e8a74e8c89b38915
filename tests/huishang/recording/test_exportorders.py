"""What becomes of an order: files of every kind, deleted and lost ones, no room, too many; its end after a day."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dispatch.errors import Invalid
from dispatch.store.reading import Reader
from huishang.recording import exporting
from huishang.recording.exporting import Exports
from huishang.recording.exportorders import Ordering
from recorder.files import Codec
from signaling.http.exported import ExportShown, Wish
from signaling.http.exports import ExportsEndpoint
from signaling.http.operation import Door
from signaling.http.problem import Problem
from tests.huishang.recording.exports import ENDED, probe
from tests.patience import until
from tests.recorder.chained import ChainReader
from tests.signaling.http.asking import ask, serving
from tests.signaling.http.county import identify, person, token
from tests.signaling.http.recorded import SECOND_US, Recorded, running

OTHER = "01KARR5QKB7N9GQ4Y1P2X3Z4A5"


@asynccontextmanager
async def exporting_of(made: Recorded, folder: Path) -> AsyncIterator[Exports]:
    exports = Exports(folder / "exports", Ordering(ChainReader(made.root), made.root, "zh"))
    await exports.start()
    try:
        yield exports
    finally:
        await exports.close()


async def order(exports: Exports, made: Recorded, person: str = "p", **wish: Any) -> str:
    noted: list[str] = []

    async def note(export: str, shown: ExportShown) -> None:
        assert exports.find(export) is None, "nothing is begun before it is noted"
        noted.append(shown.name)

    recording = made.coordinator.tables.recordings.get(made.recording)
    export = await exports.order(person, recording, Wish(**wish), note)
    assert len(noted) == 1
    return export


async def refused(exports: Exports, made: Recorded, person: str = "p", **wish: Any) -> str:
    try:
        await order(exports, made, person, **wish)
    except (Problem, Invalid) as refusal:
        return refusal.code
    return ""


async def ended(exports: Exports, export: str) -> ExportShown:
    def look() -> ExportShown | None:
        shown = exports.find(export)
        return shown if shown is not None and shown.state in ENDED else None

    shown: ExportShown = await until("its end", look)
    return shown


async def test_source_whose_codec_changes_is_given_in_parts_and_what_is_gone_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as made, exporting_of(made, tmp_path) as exports:
        first, second = made.record(Codec.H264, 0, 3), made.record(Codec.VP8, 6, 9)
        whole = await ended(exports, await order(exports, made, kind="clip"))
        assert (whole.state, whole.error, len(whole.parts)) == ("failed", "export-split", 2)
        for (begin, end), suffix, codec in zip(whole.parts, (".mp4", ".webm"), ("h264", "vp8"), strict=True):
            part = await ended(exports, await order(exports, made, kind="clip", from_us=begin, to_us=end))
            path = exports.path(part.id)
            assert path is not None and path.name.endswith(f"_渡口_{part.name.split('_')[-2]}_片段{suffix}")
            assert probe(path)["video"]["codec_name"] == codec
            await exports.remove(part.id, own=True)
            assert not path.parent.exists()
        await made.delete(made.files[first][0], 1)
        made.file(made.files[second][1]).unlink()
        composed = await ended(
            exports, await order(exports, made, kind="composed", to_us=made.begun_us + 5 * SECOND_US)
        )
        assert (composed.state, composed.deleted, composed.absent, composed.tracks) == ("made", 1, 0, (first,))
        clip = await ended(exports, await order(exports, made, kind="clip", tracks=(second,)))
        assert (clip.state, clip.absent, clip.gaps[-1][1]) == ("made", 1, clip.to_us)
        gone: Any = {"from_us": made.begun_us, "to_us": made.begun_us + SECOND_US, "tracks": (first,)}
        assert await refused(exports, made, kind="clip", **gone) == "segment-deleted"
        assert await refused(exports, made, kind="clip", tracks=(OTHER,)) == "track-unknown"


async def test_sound_that_a_clip_cannot_hold_is_copied_and_that_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as made, exporting_of(made, tmp_path) as exports:
        made.record(Codec.PCMA, 0)
        clip = await ended(exports, await order(exports, made, kind="clip"))
        assert (clip.state, clip.copied) == ("made", True)
        composed = await ended(exports, await order(exports, made, kind="composed"))
        for shown, codec in ((clip, "opus"), (composed, "aac")):
            path = exports.path(shown.id)
            assert path is not None and probe(path)["audio"]["codec_name"] == codec


async def test_recording_that_memory_has_let_go_of_is_exported_by_the_same_people(tmp_path: Path) -> None:
    async with running(tmp_path) as made, exporting_of(made, tmp_path) as exports:
        # Who left and came back has two tracks.
        made.record(Codec.H264, 0)
        made.record(Codec.H264, 6)
        await made.end()
        await made.known()
        made.coordinator.tables.recordings.drop(made.recording)
        made.coordinator.tables.commit()
        door = Door(made.coordinator.tables, made.coordinator.permissions, identify)
        endpoint = ExportsEndpoint(exports, Reader(made.database), made.coordinator, door)
        address = f"/api/v1/recordings/{made.recording}/exports"
        async with serving(endpoint.routes()) as url:
            for name, status in (("officer", 403), ("watcher", 403), ("newcomer", 404), ("administrator", 202)):
                async with aiohttp.ClientSession(url, headers=token(name)) as http:
                    asked = await ask(http, "POST", address, json={"kind": "clip"})
                    assert asked.status == status, asked.body
            shown = await ended(exports, json.loads(asked.body)["id"])
            assert (shown.state, shown.person) == ("made", person("administrator"))
            assert shown.gaps == ((shown.from_us + 3 * SECOND_US, shown.from_us + 6 * SECOND_US),)
            path = exports.path(shown.id)
            assert path is not None and probe(path)["length"] == pytest.approx(9, abs=0.1)


async def test_bounds_are_kept_and_nothing_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as made:
        made.record(Codec.H264, 0)
        left, other = (tmp_path / "exports" / name for name in (OTHER, "recordings"))
        for folder in (left, other):
            folder.mkdir(parents=True)
            (folder / "something.mp4.part").write_bytes(b"by a server that was killed")
        monkeypatch.setattr(exporting, "SWEEP_S", 0.05)
        async with exporting_of(made, tmp_path) as exports:
            assert not left.exists() and list(other.iterdir()), "who put recordings there keeps them"
            for name, value, code in (("MOST_WAITING", 0, "limit"), ("KEEP_FREE_BYTES", 1 << 60, "no-room")):
                with monkeypatch.context() as patch:
                    patch.setattr(exporting, name, value)
                    assert await refused(exports, made, kind="clip") == f"export-{code}"
            first, second = await order(exports, made, kind="clip"), await order(exports, made, "other", kind="clip")
            await exports.remove(second, own=False)
            shown = exports.find(second)
            assert shown is not None and shown.state == "cancelled" and exports.path(second) is None
            await ended(exports, first)
            path = exports.path(first)
            assert path is not None and path.stat().st_mode & 0o077 == 0 == path.parent.stat().st_mode & 0o077
            assert await refused(exports, made, kind="clip", from_us=2, to_us=1) == "out-of-range"
            third = await ended(exports, await order(exports, made, kind="clip"))
            with monkeypatch.context() as patch:
                patch.setattr(exporting, "KEEP_FREE_BYTES", 1 << 60)
                await until("recordings have the room", lambda: not (exports.path(third.id) or exports.path(first)))
            shown = exports.find(third.id)
            assert shown is not None and (shown.state, shown.error) == ("failed", "export-no-room")
            assert not path.exists()
            fourth = await ended(exports, await order(exports, made, kind="clip"))
            path = exports.path(fourth.id)
            exports.deleted(made.recording)
            assert path is not None and exports.path(fourth.id) is None
            await until("what is deleted leaves no copy", lambda: not path.exists())
            monkeypatch.setattr(exporting, "LASTS_US", 0)
            await until("all is deleted", lambda: not exports.of(made.recording))
            await until(
                "and gone from the disk", lambda: list((tmp_path / "exports").iterdir()), lambda left: left == [other]
            )
