"""How many acts a second the timeline's journal answers, each on disk before its answer, and how fast it is read.

The floor is a bare loop of one `pwrite` and one `fdatasync` on a preallocated file, with writes as large as the
journal's own came out to be. Each round measures the journal and then the floor, on the same disk.
"""

import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks.report import Figure, Report, against, arguments, conclude, middle
from dispatch.journal import Journal, format
from dispatch.journal.disk import Disk

FOLDER = Path("build")
"""Not the system's temporary folder, which may be memory."""
ENTRY = b'{"v":1,"id":"01JD3ZK8Q2M6T0V9B4N7X5C1RF","verb":"mute","params":{"text":"%s"}}' % (b"x" * 220)
IN_FLIGHT = (1, 100, 1000)
ROUNDS = 3
ROUND_S = 1.0
READ_BACK = 1_000_000
PER_APPEND = 1000
AHEAD_BYTES = 1 << 20
LIMIT_US = 500
"""2,000 acts a second."""


class CountingDisk(Disk):
    """Counts the writes that were made durable."""

    syncs = 0

    def sync(self, fd: int) -> None:
        super().sync(fd)
        self.syncs += 1


@dataclass(frozen=True, slots=True)
class Round:
    """One round: time per answered act, what single acts took (ms, sorted), and how many went into one write."""

    act_us: float
    latencies_ms: list[float]
    acts_per_write: float

    def latency_ms(self, share: float) -> float:
        """Give the latency that this share of the acts stayed below."""
        return self.latencies_ms[min(len(self.latencies_ms) - 1, int(share * len(self.latencies_ms)))]


async def _append(folder: Path, in_flight: int) -> Round:
    disk = CountingDisk()
    journal = Journal.open(folder, "benchmark", None, disk)
    opened = disk.syncs
    latencies: list[float] = []
    began = time.perf_counter()
    end = began + ROUND_S

    async def act() -> None:
        asked = time.perf_counter()
        while asked < end:
            await journal.append([ENTRY])
            answered = time.perf_counter()
            latencies.append((answered - asked) * 1e3)
            asked = answered

    await asyncio.gather(*(act() for _ in range(in_flight)))
    took = time.perf_counter() - began
    writes = disk.syncs - opened
    await asyncio.to_thread(journal.close)
    return Round(took / len(latencies) * 1e6, sorted(latencies), len(latencies) / writes)


def floor_us(path: Path, acts_per_write: float) -> float:
    """Time per act of a bare loop whose writes are as large."""
    count = max(1, round(acts_per_write))
    data = format.line(ENTRY) * count
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
    try:
        offset = allocated = writes = 0
        began = time.perf_counter()
        while time.perf_counter() < began + ROUND_S:
            while offset + len(data) > allocated:
                os.posix_fallocate(fd, allocated, AHEAD_BYTES)
                allocated += AHEAD_BYTES
            os.pwrite(fd, data, offset)
            os.fdatasync(fd)
            offset += len(data)
            writes += 1
        return (time.perf_counter() - began) / (writes * count) * 1e6
    finally:
        os.close(fd)


def measure_appending(report: Report, folder: Path, in_flight: int) -> None:
    """Add the figures of so many acts waiting at any time."""
    rounds: list[tuple[Round, float]] = []
    for number in range(ROUNDS):
        found = uvloop.run(_append(folder / f"journal-{in_flight}-{number}", in_flight))
        rounds.append((found, floor_us(folder / f"floor-{in_flight}-{number}", found.acts_per_write)))
    name = f"journal, {in_flight} in flight"
    act_us = middle([found.act_us for found, _ in rounds])
    report.add(
        Figure(f"{name}: time per answered act", act_us, "us", limit=LIMIT_US if in_flight > 1 else None),
        against(
            f"{name}: time per answered act, against the disk",
            "us",
            [(found.act_us, floor) for found, floor in rounds],
            peer="bare pwrite + fdatasync",
        ),
        Figure(f"{name}: latency p50", middle([found.latency_ms(0.5) for found, _ in rounds]), "ms"),
        Figure(f"{name}: latency p99", middle([found.latency_ms(0.99) for found, _ in rounds]), "ms"),
    )
    together = middle([found.acts_per_write for found, _ in rounds])
    report.note(f"{name}: {1e6 / act_us:,.0f} acts/s, {together:.1f} in one write")


async def _fill(folder: Path, entries: int) -> None:
    journal = Journal.open(folder, "benchmark")
    for _ in range(entries // PER_APPEND):
        await journal.append([ENTRY] * PER_APPEND)
    await asyncio.to_thread(journal.close)


def measure_reading(report: Report, folder: Path, entries: int) -> None:
    """Add the figures of a journal of so many entries."""
    uvloop.run(_fill(folder, entries))
    began = time.perf_counter()
    journal = Journal.open(folder, "benchmark")
    opened = time.perf_counter()
    try:
        count = sum(len(batch) for batch in journal.read())
        read = time.perf_counter()
        last = sum(len(batch) for batch in journal.read(entries - 50))
        tail = time.perf_counter()
    finally:
        journal.close()
    if (count, last) != (entries, 50):
        raise RuntimeError(f"{count} and {last} entries were read, not {entries} and 50")
    name = f"journal of {entries:,} entries"
    report.add(
        Figure(f"{name}: opened", opened - began, "s"),
        Figure(f"{name}: read back", read - opened, "s"),
        Figure(f"{name}: the last 50 read", (tail - read) * 1e3, "ms"),
    )


def run(report: Report, *, entries: int = READ_BACK) -> None:
    """Measure into `report`."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        for in_flight in IN_FLIGHT:
            measure_appending(report, Path(name), in_flight)
        measure_reading(report, Path(name) / "long", entries)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--entries", type=int, default=READ_BACK, help=f"to read back, default {READ_BACK:,}")
    asked = parser.parse_args()
    report = Report("journal")
    run(report, entries=asked.entries)
    conclude(report, asked.json)


if __name__ == "__main__":
    main()
