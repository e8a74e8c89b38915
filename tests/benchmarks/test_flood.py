"""The probe tells a late loop from a punctual one, and every forged request ends at the counter it should."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from benchmarks.load.path import CONTROL_BYTES, connected, stamped_ns
from benchmarks.load.questions import ConnectivityCheck, HttpGet, LoopDelay, Question, Session, ask_all
from benchmarks.loop_probe import COUNTERS, LAG, PORT_FILE, LoopProbe
from benchmarks.peers.huishang import Huishang
from signaling.client.session import remote_parameters
from tests.patience import PATIENCE_S

HELD_S = 0.05
STAMPED_S = 0.002
FORGED = 2_000
SESSIONS = 4


def wait_until_stamped(to: socket.socket) -> None:
    """The kernel begins to stamp a moment after it was asked; until then it stamps what is read, when it is read."""
    deadline = time.monotonic() + PATIENCE_S
    with connected(to.getsockname()) as sender:
        while True:
            sender.send(b"")
            time.sleep(STAMPED_S)
            _, control, _, _ = to.recvmsg(64, CONTROL_BYTES)
            if time.time_ns() - stamped_ns(control) >= STAMPED_S * 1e9:
                return
            assert time.monotonic() < deadline


async def test_probe_tells_how_long_the_loop_was_held() -> None:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    probe = LoopProbe(made)
    wait_until_stamped(made)
    loop = asyncio.get_running_loop()
    with connected(made.getsockname()) as asking:
        asking.setblocking(False)
        asking.send(b"late")
        time.sleep(HELD_S)
        asking.send(b"again")
        first, second = [await loop.sock_recv(asking, 64) for _ in range(2)]
        asking.send(COUNTERS)
        assert isinstance(json.loads(await loop.sock_recv(asking, 2048)), dict)
    probe.close()
    assert (first[: -LAG.size], second[: -LAG.size]) == (b"late", b"again")
    (late_ns,), (again_ns,) = LAG.unpack(first[-LAG.size :]), LAG.unpack(second[-LAG.size :])
    assert late_ns >= HELD_S * 1e9
    assert 0 <= again_ns < late_ns


@pytest.fixture(scope="module")
def server() -> Iterator[Huishang]:
    server = Huishang(module="benchmarks.loop_probe")
    server.publish("source", ["video"]).path.socket.close()
    yield server
    server.close()


@pytest.fixture
def sessions(server: Huishang) -> list[Session]:
    answered = [server.ask_to_watch("source") for _ in range(SESSIONS)]
    return [Session(remote_parameters(accepted.remote), local) for local, accepted in answered]


@pytest.fixture
def delay(server: Huishang) -> Iterator[LoopDelay]:
    with LoopDelay(int((server.data_dir / PORT_FILE).read_text())) as made:
        yield made


def test_server_answers_every_question(server: Huishang, sessions: list[Session], delay: LoopDelay) -> None:
    with ExitStack() as stack:
        checks = stack.enter_context(ConnectivityCheck(sessions))
        gets = stack.enter_context(HttpGet(int(server.url.rpartition(":")[2])))
        questions: list[Question] = [delay, checks, gets]
        ask_all(questions, 0.5)
        for question in questions:
            assert question.asked > 0
            assert len(question.took_ms) == question.asked, str(question)
            assert min(question.took_ms) > 0


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        ("stranger", {"plane: stun_unknown_ufrag"}),
        ("forged", {"plane: stun_rate", "ice: bad_integrity"}),
        ("truncated", {"plane: stun_malformed", "plane: stranger"}),
    ],
)
def test_every_forged_request_is_counted_where_it_ends(
    kind: str, reasons: set[str], sessions: list[Session], delay: LoopDelay
) -> None:
    before = delay.counters()
    _, port = sessions[0].remote.candidates[0]
    names = [session.username for session in sessions]
    command = [sys.executable, "-m", "benchmarks.load.stun_flood", kind, str(port), "8000", str(FORGED), *names]
    begun, took = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert begun == "begun" and float(took) >= FORGED / 8000
    deadline = time.monotonic() + PATIENCE_S
    while True:
        counted = {reason: count - before.get(reason, 0) for reason, count in delay.counters().items()}
        if sum(counted.values()) >= FORGED:
            break
        assert time.monotonic() < deadline, counted
    assert {reason for reason, count in counted.items() if count} == reasons
    assert sum(counted.values()) == FORGED
