"""The server's end of the recorder worker: begins it, watches it, begins it again with the same rings and tracks.

Shell. A worker that dies or hangs takes with it what it had not written, less than a second of each track. Senders are
asked for keyframes at that moment, so that the next worker finds some. Whose frame was being begun is known from shared
memory (`hand`): a track that ended the worker twice is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

import recorder
from recorder.proof.digests import SHA256_ONLY, Algorithm
from recorder.worker import wire
from recorder.worker.hand import Hand

_log = structlog.get_logger(__name__)

PROGRAM: Final = (sys.executable, "-m", "recorder.worker")
#: It says something each second; on a busy machine, or before a disk that stands still, it may be late.
SILENCE_S: Final = 20.0
#: Before it is ready it looks through all tracks.
BEGINNING_S: Final = 600.0
END_S: Final = 20.0
#: Of another offset.
LEAST_NS: Final = 1_000_000
#: Between two deaths that count together.
STRIKES_S: Final = 600.0
#: A worker that lived shorter than this, as the one before it, is begun again after a pause, which doubles. Rings hold
#: ten seconds.
_LIVED_S: Final = 10.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 5.0
_ANSWERS_A_TURN: Final = 64


class RecorderProcess:
    """The worker, and what it is told again when it is begun again. Runs on one event loop; `close` at the end.

    `hear` gets every answer; when a worker is lost, a keyframe is wanted of sounds too. Beside what the worker says it
    gets `TrackClosed` with `failed` "kills-worker" for a track that is refused, and `Alarm` with "worker-lost" or
    "worker-refused" (it said what it must not). A track that was closed is opened again after its `TrackClosed`.
    """

    def __init__(
        self,
        root: Path,
        hear: Callable[[wire.Answer], None],
        program: Sequence[str] = PROGRAM,
        silence_s: float = SILENCE_S,
        algorithms: tuple[Algorithm, ...] = SHA256_ONLY,
    ) -> None:
        """`root` is the folder of recordings; `program` gets a descriptor's number as its last argument.

        A worker that says nothing for `silence_s` is killed. `algorithms`: of files' digests.
        """
        self._root = root
        self._hear = hear
        self._program = program
        self._silence_s = silence_s
        self._algorithms = algorithms
        self._process: asyncio.subprocess.Process | None = None
        self._line: socket.socket | None = None
        self._rings: dict[int, tuple[int, int]] = {}
        self._tracks: dict[str, wire.Open] = {}
        self._closing: set[str] = set()
        """Tracks whose last segment was not told yet."""
        self._lost: set[str] = set()
        """Those of them whose worker was lost; the next one recovers their files before it is ready."""
        self._strikes: dict[str, float] = {}
        self._offset_ns = time.time_ns() - time.monotonic_ns()
        self._scans = True
        self._hand_fd = Hand.create()
        self._hand = Hand(self._hand_fd)
        self._heard_s = 0.0
        self._is_ready = False
        self._number = 0
        self._is_ending = False
        self._keeping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of the worker, None while there is none."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Begin; orders may follow at once."""
        self._keeping = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Have everything read and closed, and the worker end; after 20 s it is killed."""
        self._is_ending = True
        self._order(wire.End())
        if self._keeping is not None:
            _, late = await asyncio.wait([self._keeping], timeout=END_S)
            if late:
                self._kill("it does not end")
                await asyncio.wait(late)
        for fds in self._rings.values():
            for fd in fds:
                os.close(fd)
        self._rings.clear()
        self._hand.close()
        os.close(self._hand_fd)

    def add_ring(self, fds: tuple[int, int]) -> int:
        """Have a tap ring read; give its number. The descriptors stay the caller's."""
        self._number += 1
        self._rings[self._number] = os.dup(fds[0]), os.dup(fds[1])
        self._order(wire.AddRing(self._number), self._rings[self._number])
        return self._number

    def end_ring(self, ring: int) -> None:
        """Have a ring read no more; its tracks are closed."""
        self._tracks = {name: each for name, each in self._tracks.items() if each.ring != ring}
        self._order(wire.EndRing(ring))
        for fd in self._rings.pop(ring, ()):
            os.close(fd)

    def open(self, track: str, ring: int, route: int, about: Mapping[str, str], number: int = 0, turn: int = 0) -> None:
        """Record a route of a ring as a track, or an open track from this route on. Call it when the tap begins.

        `about` stands in the files that begin from now on. `Opened` says the turn when all before were told; of a turn
        that was overtaken by a later one, or by the end of the worker, it may never come, or twice.
        """
        before = self._tracks.get(track)
        held = before is not None and before.held
        number = max(number, before.number if before else 0)
        order = wire.Open(track, ring, route, number, dict(about), held, turn=turn)
        self._order(order)
        resumes = self._line is not None
        self._tracks[track] = msgspec.structs.replace(order, resumes=resumes)

    def hold(self, track: str) -> None:
        """Record nothing of a track until `go_on`."""
        self._set_held(track, True)
        self._order(wire.Hold(track))

    def go_on(self, track: str) -> None:
        """Record a track again."""
        self._set_held(track, False)
        self._order(wire.GoOn(track))

    def close_track(self, track: str) -> None:
        """End a track; `TrackClosed` comes behind its last segment, also where the worker is lost meanwhile."""
        if self._tracks.pop(track, None) is None:
            return
        self._closing.add(track)
        self._order(wire.Close(track))

    def set_offset(self, offset_ns: int) -> None:
        """Tell UTC less monotonic time, for segments that begin from now on; less than a millisecond is not told.

        A worker that looks through a large archive takes no orders for minutes, and those that wait are bounded.
        """
        if abs(offset_ns - self._offset_ns) >= LEAST_NS:
            self._offset_ns = offset_ns
            self._order(wire.Offset(offset_ns))

    def _set_held(self, track: str, held: bool) -> None:
        if track in self._tracks:
            self._tracks[track] = msgspec.structs.replace(self._tracks[track], held=held)

    async def _keep(self) -> None:
        """Have a worker run until `close`."""
        pause = 0.0
        while not self._is_ending:
            begun = time.monotonic()
            try:
                await self._run()
            except OSError as error:
                self._alarm("worker-lost", f"it cannot be begun: {error}")
            if time.monotonic() - begun > _LIVED_S:
                pause = 0.0
            await asyncio.sleep(pause)
            pause = min(max(pause * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)

    async def _run(self) -> None:
        """Run one worker to its end. Raises OSError when none can be begun."""
        process = await self._begin()
        waiting = asyncio.create_task(process.wait())
        try:
            while not waiting.done():
                await asyncio.wait([waiting], timeout=1.0)
                silence = time.monotonic() - self._heard_s
                if not waiting.done() and silence > (self._silence_s if self._is_ready else BEGINNING_S):
                    self._kill("it hangs")
        finally:
            if not waiting.done():
                process.kill()
                await waiting
            self._ended(process.returncode)

    async def _begin(self) -> asyncio.subprocess.Process:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *self._program,
                    str(theirs.fileno()),
                    # Nothing of ours is in its environment.
                    env={"PYTHONPATH": str(Path(recorder.__file__ or "").parents[1])},
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                )
        except OSError:
            ours.close()
            raise
        self._process, self._line = process, ours
        self._lost |= self._closing
        self._closing = set()
        scans = self._scans or bool(self._lost)
        self._is_ready, self._heard_s = False, time.monotonic()
        asyncio.get_running_loop().add_reader(ours.fileno(), self._read, ours)
        begin = wire.Begin(wire.VERSION, str(self._root), self._offset_ns, scans, self._algorithms)
        self._order(begin, (self._hand_fd,))
        for number, fds in self._rings.items():
            self._order(wire.AddRing(number), fds)
        for order in self._tracks.values():
            self._order(order)
        # What is told again to the next one, this one has recorded.
        self._tracks = {name: msgspec.structs.replace(each, resumes=True) for name, each in self._tracks.items()}
        if self._is_ending:
            self._order(wire.End())
        return process

    def _order(self, order: wire.Order, fds: Sequence[int] = ()) -> None:
        """Send an order; a worker that is not there is told when it is begun."""
        if self._line is None:
            return
        try:
            socket.send_fds(self._line, [wire.write(order)], fds)
        except OSError as error:
            self._kill(f"it takes no orders: {error}")

    def _read(self, line: socket.socket) -> None:
        for _ in range(_ANSWERS_A_TURN):
            if not self._read_one(line):
                return

    def _read_one(self, line: socket.socket) -> bool:
        """Hear an answer; False when there is none, or will be none that is heard."""
        try:
            data = line.recv(wire.MAX_BYTES + 1)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        try:
            answer = wire.read_answer(data) if data else None
        except ValueError as error:
            answer = None
            self._alarm("worker-refused", str(error))
            self._kill("it says what it must not")
        if answer is None:
            asyncio.get_running_loop().remove_reader(line.fileno())
            return False
        self._take(answer)
        return True

    def _take(self, answer: wire.Answer) -> None:
        self._heard_s = time.monotonic()
        if isinstance(answer, wire.Ready):
            self._is_ready, self._scans = True, False
        elif isinstance(answer, wire.Closed | wire.Recovered):
            label = answer.facts.label
            order = self._tracks.get(label.track.track)
            if order is not None and order.number <= label.number:
                self._tracks[order.track] = msgspec.structs.replace(order, number=label.number + 1)
        elif isinstance(answer, wire.TrackClosed):
            self._closing.discard(answer.track)
            if answer.failed:
                self._tracks.pop(answer.track, None)
        self._tell(answer)
        if isinstance(answer, wire.Ready):
            lost, self._lost = self._lost, set()
            for track in lost:
                self._tell(wire.TrackClosed(track, (), "worker-lost"))

    def _ended(self, status: int | None) -> None:
        """A worker is gone: hear its last words, ask for keyframes, see whose fault it was."""
        line, self._line, self._process = self._line, None, None
        if line is not None:
            while self._read_one(line):
                pass
            asyncio.get_running_loop().remove_reader(line.fileno())
            line.close()
        if self._is_ending and status == 0:
            return
        for name, order in self._tracks.items():
            if not order.held:
                self._tell(wire.KeyframeWanted(name))
        hand = self._hand.read()
        self._hand.put()
        self._alarm("worker-lost", f"status {status}" + (f", {hand} in hand" if hand in self._tracks else ""))
        if hand in self._tracks:
            self._strike(hand)

    def _strike(self, track: str) -> None:
        now = time.monotonic()
        last = self._strikes.get(track)
        self._strikes[track] = now
        if last is not None and now - last < STRIKES_S:
            del self._tracks[track]
            self._tell(wire.TrackClosed(track, (), "kills-worker"))

    def _alarm(self, code: str, detail: str) -> None:
        _log.warning(code.replace("-", "_"), detail=detail)
        self._tell(wire.Alarm(code, 0, detail[:256]))

    def _tell(self, answer: wire.Answer) -> None:
        """Whatever a listener makes of it, the worker is kept."""
        try:
            self._hear(answer)
        except Exception:
            _log.exception("recorder_answer_unheard", answer=type(answer).__name__)

    def _kill(self, reason: str) -> None:
        if self._process is not None:
            _log.warning("recorder_worker_killed", reason=reason)
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
