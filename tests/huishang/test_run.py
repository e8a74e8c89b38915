"""Running a server with programs beside it: signals, order, and what is left behind (nothing)."""

import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, wait_until
from tests.ports import free_ports

# A process of its own, because it takes the signals: a server that listens, and one program beside it.
PROGRAM = """
import asyncio, errno, os, signal, sys
from config import Settings
from huishang.run import Program, run
async def serve(settings, ready, stop):
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", int(sys.argv[1]))
    if sys.argv[2] == "crash":
        raise RuntimeError("broken")
    if sys.argv[2] == "other-address":
        raise RuntimeError("broken") from OSError(errno.EADDRINUSE, "of something else")
    if sys.argv[2] != "never-ready":
        ready(["https://localhost:1"])
    else:
        print("up", flush=True)
    if sys.argv[2] == "deaf":
        await asyncio.Event().wait()
    await stop.wait()
    server.close()
    print("closed", flush=True)
code = "import os, time; print('beside', os.environ['X'], os.getpid(), flush=True); time.sleep(3600)"
beside = Program((sys.executable, "-c", code), {"X": "y"})
run(Settings(), serve, lambda: [beside], lambda urls: print(*urls, flush=True))
print("done", flush=True)
"""


def program(behaviour: str, port: int | None = None) -> "subprocess.Popen[str]":
    """Start the program above."""
    argv = [sys.executable, "-c", PROGRAM, str(port or free_ports()), behaviour]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines(process: "subprocess.Popen[str]", count: int) -> list[str]:
    """Read lines as they come."""
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_server_and_program_beside(number: signal.Signals) -> None:
    process = program("good")
    url, beside = lines(process, 2)
    assert url == "https://localhost:1" and beside.startswith("beside y ")
    process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0 and output.splitlines() == ["closed", "done"] and errors == ""
    assert not Path(f"/proc/{beside.split()[2]}").exists()


def test_server_may_open_as_many_files_as_the_machine_allows() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        process = program("good")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    lines(process, 2)
    limits = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
    (files,) = (line.split()[3:5] for line in limits if line.startswith("Max open files"))
    process.terminate()
    process.communicate(timeout=PATIENCE_S)
    assert files == [str(before[1]), str(before[1])] != ["256", "256"]


def test_signal_before_the_server_is_ready_starts_nothing_beside() -> None:
    process = program("never-ready")
    assert lines(process, 1) == ["up"]
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0 and output.splitlines() == ["closed", "done"]


def test_second_signal_ends_a_server_that_does_not_stop_and_its_program_with_it() -> None:
    process = program("deaf")
    _, beside = lines(process, 2)
    process.send_signal(signal.SIGINT)
    wait_until(lambda: not Path(f"/proc/{beside.split()[2]}").exists(), "the first signal ends the program beside")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130


@pytest.mark.parametrize("fault", ["crash", "other-address"])
def test_server_that_breaks_leaves_nothing_behind_and_is_not_told_to_change_ports(fault: str) -> None:
    process = program(fault)
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1 and output == "" and "RuntimeError: broken" in errors
    assert "StartError" not in errors


def test_address_in_use_is_a_start_error_that_names_the_keys() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = program("good", taken.getsockname()[1])
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert "StartError: " in errors and "change http.port or media.port" in errors
