"""Questions that a server's control loop must answer itself, asked at a steady pace whether it answers or not.

A slow answer keeps nobody from asking on, so that a loop that stands still is seen by as many questions as it delays.
Blocking sockets, one thread.
"""

import json
import os
import select
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np

from benchmarks.load.dial import MAX_DATAGRAM_BYTES, TRANSACTION_BYTES, bound, check
from benchmarks.load.path import CONTROL_BYTES, connected, stamp_arrivals, stamped_ns
from benchmarks.loop_probe import COUNTERS, LAG
from signaling.client.peer import RemoteParameters
from signaling.ice import stun
from signaling.ice.types import Credentials

# How long an answer is waited for, at the end and when it is the first.
PATIENCE_S = 2.0
# The first questions of different kinds are asked so far apart.
APART_S = 0.0005
_TRANSACTION = slice(8, 8 + TRANSACTION_BYTES)


class Question(ABC):
    """Something asked again and again, every `every_s` seconds."""

    every_s: float

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self.sockets = sockets
        self.asked = 0
        self.took_ms: list[float] = []
        """One entry for each answer."""
        for made in sockets:
            made.settimeout(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for made in self.sockets:
            made.close()

    def __str__(self) -> str:
        if not self.took_ms:
            return f"none of {self.asked} answered"
        shown = ", ".join(f"p{share:g} {np.percentile(self.took_ms, share):.2f}" for share in (50, 99, 99.9))
        return f"{shown}, max {max(self.took_ms):.2f} ms, {len(self.took_ms)} of {self.asked} answered"

    def forget(self) -> None:
        """Begin to count anew."""
        self.asked = 0
        self.took_ms = []

    @abstractmethod
    def ask(self) -> None:
        """Ask once, unless one must not ask now."""

    @abstractmethod
    def read(self, made: socket.socket) -> None:
        """Take what one of the sockets has."""


class LoopDelay(Question):
    """How late is the loop? Told by the probe in the server, so that nobody else's wake-up is part of it."""

    every_s = 0.002

    def __init__(self, port: int) -> None:
        super().__init__([connected(("127.0.0.1", port))])

    def ask(self) -> None:
        self.asked += 1
        self.sockets[0].send(b"late")

    def read(self, made: socket.socket) -> None:
        (lag_ns,) = LAG.unpack(made.recv(MAX_DATAGRAM_BYTES)[-LAG.size :])
        self.took_ms.append(lag_ns / 1e6)

    def counters(self) -> dict[str, int]:
        """What the server has dropped so far; to be asked when nothing else is."""
        self.sockets[0].send(COUNTERS)
        counted: dict[str, int] = json.loads(self.sockets[0].recv(MAX_DATAGRAM_BYTES))
        return counted


@dataclass(frozen=True, slots=True)
class Session:
    """One whose offer was answered and that never gets keys: until it does, control answers its checks."""

    remote: RemoteParameters
    local: Credentials

    @property
    def username(self) -> str:
        """As its checks carry it: the server's ufrag, a colon, ours."""
        return f"{self.remote.credentials.ufrag}:{self.local.ufrag}"


class ConnectivityCheck(Question):
    """A valid check of one session after another; its time ends with the kernel's stamp on the answer."""

    every_s = 0.02

    def __init__(self, sessions: Sequence[Session]) -> None:
        """Make each session's address known to the server.

        Raises:
            TimeoutError: it does not answer.
        """
        super().__init__([bound(session.remote) for session in sessions])
        self._sessions = sessions
        self._tie_breaker = int.from_bytes(os.urandom(8))
        self._sent_ns: dict[bytes, int] = {}
        for session, made in zip(sessions, self.sockets, strict=True):
            made.connect(session.remote.candidates[0])
            stamp_arrivals(made)
            made.send(self._request(session))
            made.recv(MAX_DATAGRAM_BYTES)

    def ask(self) -> None:
        place = self.asked % len(self._sessions)
        self.asked += 1
        request = self._request(self._sessions[place])
        self._sent_ns[request[_TRANSACTION]] = time.time_ns()
        self.sockets[place].send(request)

    def read(self, made: socket.socket) -> None:
        answer, control, _, _ = made.recvmsg(MAX_DATAGRAM_BYTES, CONTROL_BYTES)
        sent_ns = self._sent_ns.pop(answer[_TRANSACTION], None)
        if sent_ns is not None and stun.parse(answer).message_type == stun.SUCCESS:
            self.took_ms.append((stamped_ns(control) - sent_ns) / 1e6)

    def _request(self, session: Session) -> bytes:
        return check(session.remote.credentials, session.local, self._tie_breaker)


class HttpGet(Question):
    """A plain request on a connection that is kept; not asked again before it is answered."""

    every_s = 0.02

    def __init__(self, port: int) -> None:
        super().__init__([socket.create_connection(("127.0.0.1", port))])
        self._asked_at: float | None = None
        self._answer = b""

    def ask(self) -> None:
        if self._asked_at is not None:
            return
        self.asked += 1
        self._answer = b""
        self._asked_at = time.monotonic()
        self.sockets[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def read(self, made: socket.socket) -> None:
        got = made.recv(MAX_DATAGRAM_BYTES)
        if not got:
            raise ConnectionError("the server closed the connection")
        self._answer += got
        # The body is a JSON object; its end is the answer's.
        if self._asked_at is not None and self._answer.endswith(b"}"):
            self.took_ms.append((time.monotonic() - self._asked_at) * 1000)
            self._asked_at = None


def ask_all(questions: Sequence[Question], seconds: float) -> None:
    """Ask each at its pace for so long, then wait for what has not been answered."""
    poll = select.poll()
    belongs = {made.fileno(): (question, made) for question in questions for made in question.sockets}
    for descriptor in belongs:
        poll.register(descriptor, select.POLLIN)
    for question in questions:
        question.forget()
    with _before_others():
        began = time.monotonic()
        due = {question: began + place * APART_S for place, question in enumerate(questions)}
        while (now := time.monotonic()) < began + seconds + PATIENCE_S:
            if now < began + seconds:
                for question in questions:
                    if due[question] <= now:
                        question.ask()
                        due[question] = max(due[question] + question.every_s, now)
                until = min(due.values())
            elif all(len(question.took_ms) == question.asked for question in questions):
                return
            else:
                # Asleep between answers: before all others, a loop without a pause would hold up the load itself.
                until = began + seconds + PATIENCE_S
            for descriptor, _ in poll.poll(max(0.0, until - time.monotonic()) * 1000):
                question, made = belongs[descriptor]
                question.read(made)


@contextmanager
def _before_others() -> Iterator[None]:
    """Let this thread go before the rest of the load on its core, where the system allows it."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        yield  # our own delays are then part of the times, except of the probe's
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
