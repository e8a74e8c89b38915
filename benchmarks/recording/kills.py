"""`kill -9` of the worker or the server, at random moments: what is lost, and whether what is kept plays and verifies.

A real node records live senders, of which every frame is known again (`known`): each source alone, all of them in a
consultation too. The server begins another worker by itself; a killed server is begun again here, and its senders are
told to connect again. What is lost is read from the files: frames that were sent and are in none.

Of a killed worker nobody loses a connection, so all that is missing is lost. A killed server's peers must connect again
and meanwhile nobody is there: lost is what had arrived before the kill and is in no file; what comes after it, until
the first frame is kept again, is told apart.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.peers.model import PeerError
from benchmarks.recording import known, playing
from benchmarks.recording.known import Key, Note, Orders, Seen, Senders, Source, sending
from benchmarks.recording.node import RecordingNode
from benchmarks.report import Figure, Report, arguments, conclude, middle
from benchmarks.shapes import Kind
from huishang.demo.units import FRAMES_PER_SECOND, VideoCodec

KILLS: Final = 20
SEED: Final = 20261123
KINDS: Final[tuple[Kind, ...]] = ("video", "audio")
CODECS: Final = (VideoCodec.H264, VideoCodec.H264, VideoCodec.VP8)
#: The longest from when all tracks are written again until the next kill, and from one kill to the next.
WRITTEN_S, AT_ONCE_S = 6.0, 1.5
#: The share of kills that do not wait for what the one before them left.
AT_ONCE: Final = 0.2
LOST_LIMIT_S: Final = 1.0
DEADLINE_S: Final = 60.0
LOOK_S: Final = 0.05
#: What verification says of what is whole, and of what it cannot know.
HARMLESS: Final = ("intact", "unknown")
#: What is missing so long before a kill or after it, is because of it: what was not written, and what has no keyframe.
BEFORE_US, AFTER_US = 1_500_000, 8_000_000
#: What a frame stands for. Time in which a busy machine's senders sent nothing is not lost.
FRAME_US: Final = {"video": 1_000_000 // FRAMES_PER_SECOND, "audio": 20_000}


@dataclass(frozen=True, slots=True)
class Kill:
    """One of them."""

    whom: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What kills that came one right after another cost a track; microseconds."""

    key: Key
    kills: tuple[Kill, ...]
    lost_us: int
    """For each of them, of what there was to be kept: see the module's docstring."""
    away_us: int
    """From a server's kill until the first frame that was kept after it; 0 where no server was killed."""
    taken_us: int
    """Of these, from the first frame that was sent again."""

    @property
    def of_server(self) -> bool:
        return any(kill.whom == "server" for kill in self.kills)


class Story:
    """The kills, one after another."""

    def __init__(self, node: RecordingNode, senders: Senders, seed: int, longest_s: float) -> None:
        self.kills: list[Kill] = []
        self._longest_s = longest_s
        self._node = node
        self._senders = senders
        self._chance = random.Random(seed)
        self._tracks = len(node.sources) * len(KINDS)

    def run(self, count: int) -> None:
        """Kill so often, worker and server in turns of chance. Raises PeerError."""
        whom = [("worker", "server")[number % 2] for number in range(count)]
        self._chance.shuffle(whom)
        before: set[Path] = set()
        for each in whom:
            if not self.kills or self._chance.random() >= AT_ONCE:
                self._wait_until_written(before)
                time.sleep(self._chance.uniform(0.0, self._longest_s))
            else:
                time.sleep(self._chance.uniform(0.0, AT_ONCE_S))
            before = self._open()
            (self._kill_worker if each == "worker" else self._kill_server)()
        self._wait_until_written(before)
        time.sleep(self._longest_s)

    def _kill_worker(self) -> None:
        worker = self._node.worker
        deadline = time.monotonic() + DEADLINE_S
        while not worker:
            if time.monotonic() > deadline:
                raise PeerError(f"no worker in {DEADLINE_S:.0f} s")
            time.sleep(LOOK_S)
            worker = self._node.worker
        self.kills.append(Kill("worker", time.time_ns() // 1000))
        os.kill(worker, signal.SIGKILL)

    def _kill_server(self) -> None:
        self.kills.append(Kill("server", time.time_ns() // 1000))
        self._node.kill()
        self._senders.connect_again()
        self._node.begin()

    def _open(self) -> set[Path]:
        return set(self._node.recordings.glob("tracks/*/*.open"))

    def _wait_until_written(self, before: set[Path]) -> None:
        """Wait until all tracks have files that were begun since."""
        deadline = time.monotonic() + DEADLINE_S
        while len({path.parent for path in self._open() - before}) < self._tracks:
            if time.monotonic() > deadline:
                raise PeerError(f"not all {self._tracks} tracks are recorded again in {DEADLINE_S:.0f} s")
            time.sleep(LOOK_S)


def groups(kills: Sequence[Kill]) -> list[tuple[Kill, ...]]:
    """Take those together that came so soon after another that nobody can say which of them lost what."""
    found: list[tuple[Kill, ...]] = []
    for kill in kills:
        if found and kill.at_us - found[-1][-1].at_us < BEFORE_US:
            found[-1] = (*found[-1], kill)
        else:
            found.append((kill,))
    return found


def costs(frames: dict[Key, list[Seen]], kills: Sequence[Kill]) -> tuple[list[Cost], int]:
    """Read what the kills cost each track, and how many frames are missing that no kill explains, or there twice."""
    found, elsewhere = [], 0
    for key, sent in frames.items():
        kept = [at for at, each in enumerate(sent) if each.kept]
        inner = sent[kept[0] : kept[-1] + 1]
        lost = [each.note for each in inner if not each.kept]
        for group, then in itertools.pairwise([*groups(kills), ()]):
            since_us, until_us = group[0].at_us - BEFORE_US, group[-1].at_us + AFTER_US
            until_us = min(until_us, then[0].at_us - BEFORE_US) if then else until_us
            mine = [note for note in lost if since_us <= note.utc_us <= until_us]
            lost = [note for note in lost if not since_us <= note.utc_us <= until_us]
            found.append(_cost(key, inner, mine, group))
        elsewhere += len(lost) + sum(len(each.kept) - 1 for each in inner if each.kept)
    return found, elsewhere


def _cost(key: Key, sent: Sequence[Seen], lost: Sequence[Note], kills: tuple[Kill, ...]) -> Cost:
    last = next((kill for kill in reversed(kills) if kill.whom == "server"), None)
    after = [each for each in sent if last is not None and each.kept and each.note.utc_us > last.at_us]
    if last is None or not after:
        return Cost(key, kills, len(lost) * FRAME_US[key[1]] // len(kills), 0, 0)
    # What was sent in vain, to a server that was not there, or to the next one by the connection of the one before.
    arrived = [note for note in lost if note.utc_us <= last.at_us]
    again = after[0].note
    first_us = min(each.note.utc_us for each in sent if each.note.session == again.session)
    begun_us = next(kill.at_us for kill in kills if kill.whom == "server")
    lost_us = len(arrived) * FRAME_US[key[1]] // len(kills)
    return Cost(key, kills, lost_us, again.utc_us - begun_us, again.utc_us - first_us)


def off_ms(frames: dict[Key, list[Seen]]) -> list[float]:
    """By how much the times that files tell are off those of the captures."""
    return [
        abs(place.utc_us - each.note.utc_us) / 1000 for sent in frames.values() for each in sent for place in each.kept
    ]


def verified(root: Path) -> tuple[int, dict[str, Any]]:
    """Run `huishang verify`; give its exit status and what it tells."""
    command = [sys.executable, "-m", "huishang", "verify", "--json", str(root)]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode, json.loads(done.stdout)


def run(report: Report, *, kills: int = KILLS, seed: int = SEED, longest_s: float = WRITTEN_S) -> None:
    """Measure into `report`. Raises PeerError."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kills-")))
        node = RecordingNode(len(CODECS))
        stack.callback(node.close)
        for source in node.sources:
            node.awaits(source, KINDS)
        url, token, ca = node.access()
        sources = [Source(name, codec) for name, codec in zip(node.sources, CODECS, strict=True)]
        orders = Orders(url, token, str(ca), str(folder / "notes"), sources)
        began = time.monotonic()
        with sending(orders, ("taskset", "--cpu-list", str(machine.LOAD_CORE))) as senders:
            node.record(True, also=[f"consultation:{node.consultation}"])
            story = Story(node, senders, seed, longest_s)
            story.run(kills)
            node.record(False)
        node.end()
        report.note(f"{kills} kills with seed {seed} took {time.monotonic() - began:.0f} s")
        judge(report, node.recordings, known.read(folder / "notes"), story.kills)


def judge(report: Report, root: Path, notes: Sequence[Note], kills: Sequence[Kill]) -> None:
    """Tell what is left after the kills."""
    files = known.files_below(root)
    frames = known.seen(notes, files)
    found, elsewhere = costs(frames, kills)
    of = {
        "worker": [cost.lost_us / 1e6 for cost in found if not cost.of_server],
        "server": [cost.lost_us / 1e6 for cost in found if cost.of_server],
    }
    for whom, lost in of.items():
        count = sum(kill.whom == whom for kill in kills)
        name = f"kill -9 of the {whom}, {count} times: lost per track"
        report.add(Figure(f"{name}, worst", max(lost, default=0.0), "s", LOST_LIMIT_S))
        report.add(Figure(f"{name}, median", middle(lost), "s"))
    away = [cost for cost in found if cost.of_server]
    if away:
        name = "kill -9 of the server: without one, and its senders connecting again"
        report.add(Figure(f"{name}, median", middle([cost.away_us / 1e6 for cost in away]), "s"))
        name = "kill -9 of the server: from the first frame sent again to the first kept"
        report.add(Figure(f"{name}, median", middle([cost.taken_us / 1e6 for cost in away]), "s"))
        report.add(Figure(f"{name}, worst", max(cost.taken_us / 1e6 for cost in away), "s"))
    wrong = playing.faults(files)
    for name, why in list(wrong.items())[:10]:
        report.note(f"{name}: {why}")
    status, told = verified(root)
    errors = [each for each in told["findings"] if each["state"] not in HARMLESS]
    for each in errors[:10]:
        report.note(f"verify: {each}")
    report.add(
        Figure("kill -9: files", len(files), "files"),
        Figure("kill -9: files that do not play in ffprobe and Chromium", len(wrong), "files", 0.0),
        Figure("kill -9: errors that `huishang verify` finds", len(errors), "findings", 0.0),
        Figure("kill -9: exit status of `huishang verify`", status, "", 0.0),
        Figure("kill -9: frames missing or twice elsewhere", elsewhere, "frames", 0.0),
        Figure("kill -9: times of frames off, worst", max(off_ms(frames), default=0.0), "ms"),
    )
    report.note(f"verify: {_codes(told['findings'])}")


def _codes(findings: Sequence[dict[str, Any]]) -> str:
    codes = [str(each["code"]) for each in findings]
    return ", ".join(f"{code} x {codes.count(code)}" for code in dict.fromkeys(codes)) or "no findings"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help=f"default {KILLS}")
    parser.add_argument("--seed", type=int, default=SEED, help=f"default {SEED}")
    asked = parser.parse_args()
    report = Report("kills")
    run(report, kills=asked.kills, seed=asked.seed)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
