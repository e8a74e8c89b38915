"""How fast `huishang verify` is: a root of recorded files, beside `openssl dgst -sha256` over the same files.

Both read files that are in the page cache, in one thread on one core, by turns. Ours begins Python, reads ledger, log
and chain, compares every signature and link, and hashes the files; the peer hashes the files. A second root has the
same files, by other names of the same bytes on the disk, and a chain with SM3 beside SHA-256.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import machine
from benchmarks.report import Report, against, arguments, conclude, middle
from huishang.files import write_new_or_over
from huishang.recording import contents
from recorder.book import Append, Written
from recorder.book.book import Book
from recorder.files import Codec, Facts, SegmentWriter, Track
from recorder.proof.digests import SHA256_ONLY, WITH_SM3, Algorithm
from recorder.worker.ulid import ulid

SIZE: Final = 2 << 30
ROUNDS: Final = 7
#: Of openssl's speed.
LEAST_SPEED: Final = 0.70
T0_US: Final = 1_763_900_000_000_000
SEGMENT_US: Final = 4_000_000
FRAMES: Final = 100
FRAME_BYTES: Final = 10_000
GROUP: Final = 500
SESSION: Final = "01KARR5QKB0000000000000000"
TRACK: Final = Track("01KARR5QKB0000000000000001", Codec.VP8, 1280, 720)


def segments(folder: Path, size: int) -> Iterator[Facts]:
    """Write segments of 4 s of 2 Mb/s until they have so many bytes."""
    frames = [os.urandom(FRAME_BYTES) for _ in range(7)]
    done = number = 0
    while done < size:
        at_us = T0_US + number * SEGMENT_US
        writer = SegmentWriter(folder, ulid(at_us), number, TRACK, algorithms=WITH_SM3)
        for frame in range(FRAMES):
            writer.write(frames[frame % len(frames)], at_us + frame * SEGMENT_US // FRAMES, frame == 0)
        facts = writer.close(at_us + SEGMENT_US)
        assert facts is not None
        yield facts
        done, number = done + facts.bytes, number + 1


def prove(root: Path, files: list[Facts], algorithms: tuple[Algorithm, ...]) -> None:
    """Record files in a session, and close it."""
    write_key = functools.partial(write_new_or_over, mode=0o600)
    book = Book(root, "benchmark", write_key, T0_US, algorithms=algorithms)
    orders = [Append(SESSION, "opening", {"at": T0_US})]
    for facts in files:
        told = facts if algorithms == WITH_SM3 else msgspec.structs.replace(facts, sm3="")
        orders.append(Append(SESSION, "segment", contents.segment(told, None)))
    orders.append(Append(SESSION, "closure", {"at": T0_US}))
    for at in range(0, len(orders), GROUP):
        for answer in book.commit(orders[at : at + GROUP], T0_US):
            assert isinstance(answer, Written), answer
    book.close()


def seconds_of(command: list[str], folder: Path) -> float:
    """Run a command to its end. Raises CalledProcessError."""
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def run(report: Report, *, size: int = SIZE, rounds: int = ROUNDS) -> None:
    """Measure into `report`."""
    machine.pin(machine.LOAD_CORE)
    with tempfile.TemporaryDirectory(prefix="huishang-verify-") as name:
        plain, with_sm3 = Path(name, "plain"), Path(name, "sm3")
        folders = [root / "tracks" / TRACK.track for root in (plain, with_sm3)]
        for folder in folders:
            folder.mkdir(parents=True)
        files = list(segments(folders[0], size))
        for facts in files:
            os.link(folders[0] / facts.name, folders[1] / facts.name)
        prove(plain, files, SHA256_ONLY)
        prove(with_sm3, files, WITH_SM3)
        paths = [str(folders[0] / facts.name) for facts in files]
        commands = {
            "ours": [sys.executable, "-m", "huishang", "verify", str(plain)],
            "openssl": ["openssl", "dgst", "-sha256", *paths],
            "ours, SM3 too": [sys.executable, "-m", "huishang", "verify", str(with_sm3)],
            "openssl, SM3 too": ["openssl", "dgst", "-sm3", *paths],
        }
        taken: dict[str, list[float]] = {which: [] for which in commands}
        for number in range(rounds + 1):
            for which, command in commands.items():
                taken_s = seconds_of(command, Path.cwd())
                if number:  # the first brings files, programs and the core up
                    taken[which].append(taken_s)
        total = sum(facts.bytes for facts in files)
    tell(report, total, len(files), taken)


def tell(report: Report, total: int, files: int, taken: dict[str, list[float]]) -> None:
    """Add the figures."""
    ours, openssl = taken["ours"], taken["openssl"]
    both = [one + other for one, other in zip(openssl, taken["openssl, SM3 too"], strict=True)]
    what = f"verify of {total / (1 << 30):.3g} GiB in {files} files"
    pairs = list(zip(ours, openssl, strict=True))
    report.add(
        against(f"{what}, time", "s", pairs, peer="openssl dgst -sha256", limit=1 / LEAST_SPEED),
        against(
            f"{what} with SM3, time",
            "s",
            list(zip(taken["ours, SM3 too"], both, strict=True)),
            peer="openssl dgst -sha256, then -sm3",
        ),
    )
    speed = middle([theirs / own for own, theirs in pairs])
    report.note(f"verify, of openssl's speed: {speed:.2f} (wanted: {LEAST_SPEED:.2f} at least)")
    for which, seconds in taken.items():
        if which != "openssl, SM3 too":
            report.note(f"{which}: {total / middle(seconds) / (1 << 20):.0f} MiB/s")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--mib", type=int, default=SIZE >> 20, help=f"of files, default {SIZE >> 20}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default {ROUNDS}")
    asked = parser.parse_args()
    report = Report("verification")
    run(report, size=asked.mib << 20, rounds=asked.rounds)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
