"""A process that never outlives us: asked to stop, then killed; stopped by the kernel if we die first."""

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Mapping, Sequence

GRACE_S = 5.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Loaded here because the forked child must not load libraries.
_prctl = ctypes.CDLL(None, use_errno=True).prctl


class Offspring:
    """One child process, leader of its own session so that a terminal's Ctrl-C reaches only us."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, argv: Sequence[str], environ: Mapping[str, str]) -> "Offspring":
        """Start `argv` in `environ` with our output. Call on the main thread: the child ends with that.

        Raises OSError when the program cannot be run.
        """
        parent = os.getpid()

        def die_with_parent() -> None:
            _prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

        process = await asyncio.create_subprocess_exec(
            *argv,
            env=dict(environ),  # uvloop takes nothing else
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process id, also the id of its session and group."""
        return self._process.pid

    async def wait(self) -> int:
        """Wait until it ends; give its exit status, or minus the signal that ended it."""
        return await self._process.wait()

    async def stop(self, grace_s: float = GRACE_S) -> int:
        """SIGTERM to its group, SIGKILL to what is left after `grace_s`; give the status as `wait` does."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), grace_s)
        self._signal(signal.SIGKILL)
        return await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
