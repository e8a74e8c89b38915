"""What the benchmarks ask the machine: cores, process times and memory from /proc, and what kind of machine it is."""

import os
import platform
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE = 0
LOAD_CORE = 1
WANTED_FILES = 16_384


def pin(core: int, pid: int = 0) -> None:
    """Keep a process (0: the calling thread) on one core; where there is only one core, on that."""
    available = sorted(os.sched_getaffinity(0) | {core}) if core < (os.cpu_count() or 1) else [0]
    os.sched_setaffinity(pid, {core if core in available else available[0]})


def be_the_load() -> None:
    """Prepare this process to be the load: on the load's core, with a socket for each of a thousand viewers."""
    raise_file_limit()
    pin(LOAD_CORE)


def raise_file_limit() -> None:
    """Allow as many open files as a thousand viewers need, or as the system lets us have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def children(pid: int) -> list[int]:
    """Process ids of all descendants of `pid`."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            tasks = list(Path(f"/proc/{parent}/task").iterdir())
        except FileNotFoundError:
            continue
        for task in tasks:
            try:
                mine = [int(child) for child in (task / "children").read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
            found += mine
            waiting += mine
    return found


def cpu_ns(pid: int) -> int:
    """User and system time of all live threads of a process and its descendants, in nanoseconds.

    From /proc/PID/task/*/schedstat: the same sum that /proc/PID/stat shows in ticks of 10 ms, which is too coarse for
    a few viewers. Time in the softirq that delivers a loopback datagram is charged to the thread that sent it.
    """
    total = 0
    for process in [pid, *children(pid)]:
        for task in Path(f"/proc/{process}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total


def cpu_ns_by_thread(pid: int) -> dict[str, int]:
    """The part of it that each live thread of the process itself used, by name; threads of one name are added up.

    The first thread is called "main": in our server the control loop, all of its Python.
    """
    found: dict[str, int] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = "main" if task.name == str(pid) else (task / "comm").read_text().strip()
            found[name] = found.get(name, 0) + int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants."""
    total = 0
    for process in [pid, *children(pid)]:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        total += pages * resource.getpagesize()
    return total


def describe() -> dict[str, str | int | float]:
    """What a reader of the figures should know of this machine."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cpu": model,
        "cores": os.cpu_count() or 1,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def core_busy_ns(core: int) -> int:
    """Time that one core was not idle since the machine started, everybody's, to 10 ms."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) * (1_000_000_000 // os.sysconf("SC_CLK_TCK"))
    return 0


@dataclass(frozen=True, slots=True)
class Use:
    """What a process, and everybody on its core, had used at a moment; by `since`, in a stretch of time."""

    seconds: float
    process_ns: int
    """CPU time of the process and its descendants."""
    by_thread_ns: Mapping[str, int]
    """The part of it that each of the process's own threads used."""
    core_ns: int
    """Time that its core was not idle."""

    @classmethod
    def of(cls, pid: int, core: int = SERVER_CORE) -> "Use":
        """The counters of a process, and of the core that it is kept on, as they stand."""
        return cls(time.monotonic(), cpu_ns(pid), cpu_ns_by_thread(pid), core_busy_ns(core))

    def since(self, before: "Use") -> "Use":
        """What was used from `before` until this moment."""
        return Use(
            self.seconds - before.seconds,
            self.process_ns - before.process_ns,
            {name: used - before.by_thread_ns.get(name, 0) for name, used in self.by_thread_ns.items()},
            self.core_ns - before.core_ns,
        )

    @property
    def cores(self) -> float:
        """The process's CPU time by wall time."""
        return self.process_ns / 1e9 / self.seconds

    @property
    def threads_told(self) -> str:
        """Each thread's CPU time by wall time, the busiest first, as part of a sentence."""
        busiest = sorted(self.by_thread_ns.items(), key=lambda item: -item[1])
        return ", ".join(f"{name} {used / 1e9 / self.seconds:.1%}" for name, used in busiest if used)

    @property
    def others(self) -> float:
        """The share of the process's core that others used."""
        return max(0.0, (self.core_ns - self.process_ns) / 1e9 / self.seconds)

    @property
    def others_told(self) -> str:
        """The same as a sentence; times measured on a core that others use too are not the process's alone."""
        return f"others used {self.others:.0%} of its core meanwhile"
