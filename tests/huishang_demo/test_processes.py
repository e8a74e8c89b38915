import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from huishang.demo import processes
from huishang.demo.__main__ import parse
from huishang.demo.processes import Orders, run_children
from huishang.demo.units import UNITS
from tests.patience import PATIENCE_S, until

CHILD = "tests.huishang_demo.child"


async def appeared(folder: Path, unit: str, count: int = 1) -> list[int]:
    """Wait until `count` children of `unit` have read their orders; return their process ids."""

    def ready() -> list[int]:
        return [int(path.name.split(".")[1]) for path in sorted(folder.glob(f"{unit}.*.ready"))]

    pids: list[int] = await until(f"{count} of {unit}", ready, lambda found: len(found) >= count)
    return pids


def is_gone(pid: int) -> bool:
    """Tell whether no process has `pid` (a zombie counts as gone)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


async def gone(pid: int) -> None:
    await until(f"the end of process {pid}", lambda: is_gone(pid))


async def test_children_get_their_orders_and_end_with_us(tmp_path: Path) -> None:
    orders = Orders(str(tmp_path), "secret", None)
    task = asyncio.create_task(run_children(["a", "b"], orders, CHILD))
    pids = await appeared(tmp_path, "a") + await appeared(tmp_path, "b")
    assert next(tmp_path.glob("a.*.ready")).read_text() == "secret"
    assert b"secret" not in Path(f"/proc/{pids[0]}/cmdline").read_bytes()
    assert b"secret" not in Path(f"/proc/{pids[0]}/environ").read_bytes()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    for pid in pids:
        await gone(pid)


async def test_a_child_that_ends_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "FIRST_RESTART_S", 0.01)
    task = asyncio.create_task(run_children(["short"], Orders(str(tmp_path), "t", None), CHILD))
    pids = await appeared(tmp_path, "short", 2)
    assert len(set(pids)) == 2
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert "short ended with status 3" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_no_child_outlives_its_parent(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import asyncio; from huishang.demo.__main__ import run; from huishang.demo.processes import Orders;"
        "import huishang.demo.processes as p, functools;"
        f"import huishang.demo.__main__ as m; m.run_children = functools.partial(p.run_children, module={CHILD!r});"
        f"asyncio.run(run(Orders({str(tmp_path)!r}, 't', None), ['a', 'b']))"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    try:
        pids = await appeared(tmp_path, "a") + await appeared(tmp_path, "b")
        os.kill(parent.pid, number)
        async with asyncio.timeout(PATIENCE_S):
            status = await parent.wait()
        assert status == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        for pid in pids:
            await gone(pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            parent.kill()


def test_command_line_takes_all_units_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUISHANG_DEMO_TOKEN", raising=False)
    orders, units = parse(["--url", "https://127.0.0.1:8443/", "--token", "T", "--ca", "ca.pem"])
    assert orders == Orders("https://127.0.0.1:8443", "T", "ca.pem")
    assert units == [unit.id for unit in UNITS]


def test_token_may_come_from_the_environment_and_must_come(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUISHANG_DEMO_TOKEN", "E")
    assert parse(["--url", "https://x"])[0].token == "E"
    monkeypatch.delenv("HUISHANG_DEMO_TOKEN")
    with pytest.raises(SystemExit):
        parse(["--url", "https://x"])
    assert "token" in capsys.readouterr().err


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"url": "x"}', b"\xff"])
def test_garbled_orders_are_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        Orders.from_line(line)
