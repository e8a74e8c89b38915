"""The packet path's promises that can be read off its source: no exceptions, no interpreter, no memory, no clock.

A packet's functions never raise and never take the GIL; memory is asked for where objects are made, by control.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.house.tree import ROOT, sources

PLANE = ROOT / "media" / "plane"
#: Control's side, which makes and frees what a thread uses; everything else runs for packets.
CONTROL = {"copies", "handle", "memory", "objects", "srtp", "thread", "transport"}
ELSEWHERE = {("consent", "_address"), ("table", "_number")}
"At import: where libcrypto's function is; and for tests' views."
#: Where a ring, a table or a history is made by control before a thread sees it.
MAKERS = re.compile(r"_(init|new|create|open|alloc\w*)$")
#: The loop and its sockets, and what asks for the time once a wake-up: the others are handed it.
SHELLS = {"datagram", "listener", "loop"}
FUNCTION = re.compile(
    r"^(?:cdef|cpdef) (?:inline )?(?!class|enum|struct|extern|packed|union)[^=\n]*?(\w+)\(([^)]*)\)([^:\n]*):",
    re.MULTILINE,
)
ALLOCATION = re.compile(r"\b(?:malloc|calloc|realloc|aligned_alloc|mmap|PyMem_\w+|zeroed)\(")
CLOCK = re.compile(r"\b(?:monotonic_ns|realtime_ns|clock_gettime)\(")
VIEW = re.compile(r"^(?:cdef )?class \w+", re.MULTILINE)


def bodies(path: Path) -> list[tuple[str, str, str]]:
    """Give name, what follows the arguments, and body of every C function of a module; tests' views are left out."""
    text = path.read_text(encoding="utf-8")
    view = VIEW.search(text)
    text = text[: view.start()] if view else text
    found = list(FUNCTION.finditer(text))
    ends = [*(item.start() for item in found[1:]), len(text)][: len(found)]
    return [(item[1], item[3], text[item.end() : end]) for item, end in zip(found, ends, strict=True)]


def packet_modules() -> list[Path]:
    return [path for path in sources(".pyx", under=("media/plane",)) if path.stem not in CONTROL]


def test_no_function_of_a_packet_raises_or_needs_the_interpreter() -> None:
    seen = 0
    for path in packet_modules():
        for name, promise, _ in bodies(path):
            if (path.stem, name) in ELSEWHERE:
                continue
            seen += 1
            assert "noexcept" in promise and "nogil" in promise, f"{path.name}: {name}"
    assert seen > 200


def test_memory_is_asked_for_only_where_objects_are_made() -> None:
    found = [
        f"{path.name}: {name}"
        for path in packet_modules()
        for name, _, body in bodies(path)
        if ALLOCATION.search(body) and not MAKERS.search(name)
    ]
    assert found == []


def test_the_clock_is_asked_by_the_loop_and_its_sockets_only() -> None:
    asking = {path.stem for path in packet_modules() if CLOCK.search(path.read_text(encoding="utf-8"))}
    assert asking <= SHELLS
