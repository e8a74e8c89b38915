"""Cores touch neither clock nor network: what they need is handed to them, so virtual time can test them."""

import ast
from pathlib import Path

import pytest

from tests.house.tree import ROOT, sources

# Folders (every file below) and single files that are cores. A new core is added here with its first commit.
CORES = (
    "dispatch",
    "huishang/recording/chainrows.py",
    "media/allocation",
    "media/rtp",
    "media/stills/joining.py",
    "media/stills/wire.py",
    "recorder/copies/plan.py",
    "recorder/copies/wire.py",
    "recorder/export/canvas.py",
    "recorder/export/disclosure.py",
    "recorder/export/grid.py",
    "recorder/export/mp4clip.py",
    "recorder/export/readme.py",
    "recorder/export/selection.py",
    "recorder/export/stamps.py",
    "recorder/export/webmclip.py",
    "recorder/proof",
    "recorder/tracks",
    "recorder/utc",
    "recorder/worker/wire.py",
    "signaling/auth",
    "signaling/bucket.py",
    "signaling/dtls",
    "signaling/http/hls.py",
    "signaling/http/shifting.py",
    "signaling/http/told.py",
    "signaling/ice",
    "signaling/sdp",
    "signaling/ws",
)
# What inside these folders is a thin shell: it does the I/O that the cores beside it decide about.
SHELLS = (
    "dispatch/desk",
    "dispatch/journal/disk.py",
    "dispatch/journal/file.py",
    "dispatch/journal/opening.py",
    "dispatch/journal/reading.py",
    "dispatch/journal/tail.py",
    "dispatch/store",
    "recorder/proof/openssl.py",
    "recorder/utc/reading.py",
    "signaling/auth/acting.py",
    "signaling/auth/endpoint.py",
    "signaling/auth/noting.py",
    "signaling/auth/passwords.py",
    "signaling/auth/signin.py",
    "signaling/auth/watch.py",
    "signaling/ws/connection.py",
    "signaling/ws/hub.py",
    "signaling/ws/linknews.py",
    "signaling/ws/media.py",
    "signaling/ws/quality.py",
    "signaling/ws/speakers.py",
)
FORBIDDEN = {
    "aiohttp",
    "asyncio",
    "av",
    "fcntl",
    "random",
    "select",
    "selectors",
    "socket",
    "ssl",
    "threading",
    "time",
    "uvloop",
}


def imported(path: Path) -> set[str]:
    """Give the first names of all modules a file imports, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


def is_shell(path: Path) -> bool:
    """Tell whether a file is a shell or in a folder of shells."""
    return any(path.is_relative_to(ROOT / shell) for shell in SHELLS)


def asks_the_clock(path: Path) -> list[str]:
    """Give the calls of a file that read the wall clock without importing `time`."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    names = [ast.unparse(call.func) for call in calls]
    return [name for name in names if name.endswith(("datetime.now", "datetime.utcnow", "date.today"))]


@pytest.mark.parametrize("core", CORES)
def test_core_does_no_io_and_asks_no_clock(core: str) -> None:
    assert (ROOT / core).exists()
    found = []
    for path in [ROOT / core] if core.endswith(".py") else sources(".py", under=(core,)):
        if is_shell(path):
            continue
        found += [f"{path.relative_to(ROOT)} imports {name}" for name in imported(path) & FORBIDDEN]
        found += [f"{path.relative_to(ROOT)} calls {name}" for name in asks_the_clock(path)]
    assert not found, "\n".join(found)


def test_only_shells_are_let_off() -> None:
    assert is_shell(ROOT / "dispatch/journal/file.py") and is_shell(ROOT / "dispatch/store/any.py")
    assert not is_shell(ROOT / "dispatch/journal/format.py") and not is_shell(ROOT / "dispatch/storeroom.py")


def test_check_sees_an_import_inside_a_function_and_a_clock(tmp_path: Path) -> None:
    path = tmp_path / "core.py"
    path.write_text("def f():\n    import asyncio.events\n    from socket import AF_INET\n    datetime.now(UTC)\n")
    assert imported(path) & FORBIDDEN == {"asyncio", "socket"}
    assert asks_the_clock(path) == ["datetime.now"]
