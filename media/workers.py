"""How a worker that decodes what came from outside is begun: with a line to it, and with nothing of ours. Shell."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import media


async def begin(
    command: Callable[[int], Sequence[str]], stderr: int | None = None
) -> tuple[asyncio.subprocess.Process, socket.socket]:
    """Begin one; return it and our end of a Unix socket (SOCK_SEQPACKET) to it, which does not block.

    `command` gives the command for the descriptor of its end; `stderr` as of `subprocess`. Both ends of the line close
    with who holds them; whoever begins a process ends it and waits for it. Raises OSError.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    try:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command(theirs.fileno()),
                # Nothing of ours is in its environment.
                env={"PYTHONPATH": str(Path(media.__file__ or "").parents[1])},
                stdin=asyncio.subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=(theirs.fileno(),),
            )
    except BaseException:
        ours.close()
        raise
    return process, ours
