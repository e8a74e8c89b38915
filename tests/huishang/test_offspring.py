"""Child processes: they stop when asked, are killed when they do not, and never outlive their parent."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from huishang.offspring import Offspring
from tests.patience import until, wait_until

OBEDIENT = "import time, sys; print('up', flush=True); time.sleep(3600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);print('up', flush=True); time.sleep(3600)"
)
# A parent that starts a stubborn child in its own group, then obeys.
WITH_CHILD = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); time.sleep(3600)"


async def started(code: str, tmp_path: Path) -> Offspring:
    """Start Python code and wait until it (or its child) has printed."""
    script = f"import os\nos.dup2(os.open({str(tmp_path / 'out')!r}, os.O_WRONLY | os.O_CREAT), 1)\n{code}"
    child = await Offspring.start([sys.executable, "-c", script], os.environ)
    await until("its first word", lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text())
    return child


def group_is_gone(group: int) -> bool:
    """Tell whether no process of the group runs (dead ones not yet collected by init do not count)."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, process_group = entry.read_text().rpartition(") ")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(process_group) == group and state not in "ZX":
            return False
    return True


async def test_obedient_child_ends_by_sigterm(tmp_path: Path) -> None:
    child = await started(OBEDIENT, tmp_path)
    assert await child.stop() == -signal.SIGTERM
    assert group_is_gone(child.pid)


async def test_child_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    child = await started(STUBBORN, tmp_path)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    assert await child.stop(grace_s=0.3) == -signal.SIGKILL
    assert loop.time() - begin >= 0.3


async def test_grandchild_does_not_survive_its_obedient_parent(tmp_path: Path) -> None:
    child = await started(WITH_CHILD, tmp_path)
    assert await child.stop() == -signal.SIGTERM
    await until("the end of the grandchild", lambda: group_is_gone(child.pid))


async def test_stopping_one_that_has_ended_gives_its_status(tmp_path: Path) -> None:
    child = await started("print('up', flush=True); raise SystemExit(7)", tmp_path)
    assert await child.wait() == 7
    assert await child.stop() == 7


async def test_child_has_its_own_session_and_environment(tmp_path: Path) -> None:
    code = "import os, sys; open(sys.argv[1], 'w').write(f'{os.getsid(0)} {os.environ[\"MARK\"]}')"
    child = await Offspring.start([sys.executable, "-c", code, str(tmp_path / "seen")], {**os.environ, "MARK": "here"})
    assert await child.wait() == 0
    assert (tmp_path / "seen").read_text() == f"{child.pid} here"


async def test_absent_program_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        await Offspring.start(["/nonexistent/program"], os.environ)


@pytest.mark.parametrize("loop", ["asyncio.new_event_loop", "uvloop.new_event_loop"])
def test_child_dies_with_a_parent_that_was_killed(tmp_path: Path, loop: str) -> None:
    parent_code = f"""
import asyncio, os, sys, uvloop
from huishang.offspring import Offspring
async def main():
    child = await Offspring.start([sys.executable, "-c", {OBEDIENT!r}], os.environ)
    print(child.pid, flush=True)
    await child.wait()
with asyncio.Runner(loop_factory={loop}) as runner:
    runner.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        lines = sorted(parent.stdout.readline().strip() for _ in range(2))
        assert lines[1] == "up"
        assert not group_is_gone(int(lines[0]))
        parent.kill()
        # The pipe's other ends are the parent's and the child's: it is at its end when both are going.
        assert parent.stdout.read() == ""
    wait_until(lambda: group_is_gone(int(lines[0])), "the end of the child")
