"""`kill -9` at any moment loses nothing that was answered."""

import random
import subprocess
import sys
from pathlib import Path

from dispatch.journal import Journal
from tests.dispatch.journal.journals import numbered, payloads

ROOT = Path(__file__).parents[3]
KILLS = 20


def run_and_kill(folder: Path, answers: int) -> list[tuple[int, int]]:
    """Let a process append, kill it after so many answers; give all answers it made."""
    command = [sys.executable, "-m", "tests.dispatch.journal.appender", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        lines = [child.stdout.readline() for _ in range(1 + answers)]
        child.kill()
        lines += child.stdout.readlines()
    assert lines[0].startswith("open ")
    whole = [line for line in lines[1:] if line.endswith("\n")]
    assert len(whole) >= answers, "it was killed while it worked"
    return [(int(position), int(number)) for position, number in (line.split() for line in whole)]


def test_kill_at_any_moment_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    source = random.Random(20251122)
    answered: dict[int, bytes] = {}
    position = 0
    for _ in range(KILLS):
        for first, number in run_and_kill(tmp_path, source.randrange(300)):
            assert first >= position, "what was there before is not written over"
            answered |= enumerate(numbered([number] * (1 + number % 3)), first)
        journal = Journal.open(tmp_path, "n")
        kept = payloads(journal)
        assert {place: kept[place] for place in answered if place < len(kept)} == answered
        position = journal.position
        journal.close()
    assert len(answered) > KILLS * 50
    assert len(list(tmp_path.glob("*.jsonl"))) > 2
