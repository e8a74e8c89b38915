"""`kill -9` at any moment costs a second at most, and every file plays."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from recorder.files import Facts, facts_of, recover
from tests.recorder.files.frames import decoded
from tests.recorder.files.paced import TRACKS
from tests.recorder.files.player import Player

ROOT = Path(__file__).parents[3]
KILLS = int(os.environ.get("RECORDER_KILLS", "3"))
LOST_US = 1_000_000


class Survivor(NamedTuple):
    """A file that was not closed when the process was killed."""

    path: Path
    facts: Facts


def run_and_kill(folder: Path, seconds: float) -> dict[str, int]:
    """Let a process record, kill it; give the time of each track's last frame that it had taken."""
    command = [sys.executable, "-m", "tests.recorder.files.paced", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        lines = [child.stdout.readline()]
        assert lines[0].startswith("began")
        begun = time.monotonic()
        # It prints a hundred lines a second, and what it has taken is known by what was printed.
        while time.monotonic() - begun < seconds:
            lines.append(child.stdout.readline())
        child.kill()
        lines += child.stdout.readlines()
    return {name: int(time_us) for name, time_us in (line.split() for line in lines if line.endswith("\n"))}


def recovered(folder: Path, taken: dict[str, int]) -> list[Survivor]:
    """Recover what a kill left; each track has everything but its last second."""
    survivors = []
    for name in TRACKS:
        files = sorted((folder / name).iterdir())
        unfinished = [path for path in files if path.suffix == ".open"]
        assert len(unfinished) <= 1
        for path in unfinished:
            if facts := recover(path):
                survivors.append(Survivor(path.with_name(facts.name), facts))
            else:
                path.unlink()
        last = max(facts_of(path).t1 for path in (folder / name).iterdir())
        assert taken[name] - last < LOST_US, name
    return survivors


@pytest.fixture(scope="module")
def survivors(tmp_path_factory: pytest.TempPathFactory) -> list[Survivor]:
    source = random.Random(20251123)
    folder = tmp_path_factory.mktemp("killed")
    found = []
    for _ in range(KILLS):
        found += recovered(folder, run_and_kill(folder, source.uniform(1.2, 4.0)))
    assert len(found) > KILLS * 2
    return found


def test_every_recovered_file_is_read_to_its_end(survivors: list[Survivor]) -> None:
    for path, facts in survivors:
        assert facts == facts_of(path) and decoded(path)
        command = ["ffprobe", "-v", "warning", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv"]
        done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True)
        assert [line for line in done.stderr.splitlines() if "Estimating duration" not in line] == []
        assert f"stream,{facts.frames}" in done.stdout.split()


@pytest.mark.asyncio(loop_scope="package")
async def test_every_recovered_file_plays_in_chromium(survivors: list[Survivor], player: Player) -> None:
    played = 0
    for path, facts in survivors:
        if path.suffix != ".mka":
            seen = await player.play(path, facts)
            assert len(seen["ranges"]) == 1
            assert not facts.label.track.codec.is_picture or seen["frames"] >= facts.frames
            played += 1
    assert played > KILLS
