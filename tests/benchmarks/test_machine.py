"""What is read of processes is what they used."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks import machine

BUSY = """
import time
until = time.process_time() + 0.3
while time.process_time() < until:
    pass
print(flush=True)
input()
"""


def test_cpu_time_counts_a_child_of_the_process_too() -> None:
    nested = [sys.executable, "-c", f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])"]
    with subprocess.Popen(nested, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        used = machine.cpu_ns(process.pid)
        process.stdin.close()
    assert 0.3e9 <= used < 3e9


def test_cpu_time_agrees_with_the_processs_own_clock() -> None:
    before, clock = machine.cpu_ns(os.getpid()), time.process_time_ns()
    until = time.process_time() + 0.1
    while time.process_time() < until:
        pass
    used, told = machine.cpu_ns(os.getpid()) - before, time.process_time_ns() - clock
    assert abs(used - told) < 20e6


def test_threads_are_told_apart_by_name_and_the_first_is_main() -> None:
    def work() -> None:
        native.append(threading.get_native_id())
        Path(f"/proc/self/task/{native[0]}/comm").write_text("worker")
        until = time.thread_time() + 0.1
        while time.thread_time() < until:
            pass
        used.append(machine.Use.of(os.getpid()).since(before))

    before = machine.Use.of(os.getpid())
    native: list[int] = []
    used: list[machine.Use] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert used[0].by_thread_ns["worker"] >= 0.09e9
    assert used[0].by_thread_ns["main"] < used[0].by_thread_ns["worker"]
    assert used[0].threads_told.startswith("worker ")


def test_resident_memory_grows_with_what_is_touched() -> None:
    before = machine.resident_bytes(os.getpid())
    kept = bytearray(os.urandom(1 << 20) * 32)
    assert machine.resident_bytes(os.getpid()) - before > 24 << 20
    del kept


def test_description_of_the_machine_has_what_readers_need() -> None:
    described = machine.describe()
    assert {"cpu", "cores", "memory_bytes", "kernel", "python", "load_average"} == set(described)
