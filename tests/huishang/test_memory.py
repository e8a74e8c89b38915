"""The server's heap lies in huge pages where the kernel grants them, and whoever started it notices nothing."""

import gc
import os
import subprocess
import sys
from pathlib import Path

from huishang.memory import staying

PROGRAM = """
import os, sys
from huishang.memory import ask_for_huge_pages
ask_for_huge_pages()
print(os.getpid(), os.environ["GLIBC_TUNABLES"], sys.argv[1:])
held = [bytearray(64 << 10) for _ in range(256)]
heap = open("/proc/self/smaps").read().partition("[heap]")[2].partition("VmFlags:")[2].partition("\\n")[0]
print("hg" in heap.split())
"""


def started(*arguments: str, tunables: str | None = None) -> tuple[int, list[str]]:
    """Run the program; its process, and the lines that it printed."""
    environ = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    if tunables is not None:
        environ["GLIBC_TUNABLES"] = tunables
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        told, _ = process.communicate()
    assert process.returncode == 0
    return process.pid, told.splitlines()


def test_the_same_process_starts_again_with_its_heap_marked_for_huge_pages() -> None:
    process, told = started("serve", "--config", "a b")
    assert told[0] == f"{process} glibc.malloc.hugetlb=1 ['serve', '--config', 'a b']"
    wanted = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
    assert told[1] == str("[never]" not in wanted)


def test_what_the_environment_says_is_kept() -> None:
    assert started(tunables="glibc.malloc.arena_max=4")[1][0].split()[1] == (
        "glibc.malloc.arena_max=4:glibc.malloc.hugetlb=1"
    )
    process, told = started(tunables="glibc.malloc.hugetlb=0")
    assert told == [f"{process} glibc.malloc.hugetlb=0 []", "False"]


def test_what_stays_is_looked_through_neither_while_it_is_made_nor_later() -> None:
    looked: list[int] = []
    gc.callbacks.append(lambda phase, info: looked.append(info["generation"]))
    try:
        with staying():
            made = [[number] for number in range(100_000)]
            within = list(looked)
        later = {id(one) for one in gc.get_objects()}
    finally:
        gc.callbacks.pop()
        gc.unfreeze()
    assert within == [] and gc.isenabled()
    assert not any(id(one) in later for one in made)
