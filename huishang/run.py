"""Run a server, and programs beside it, until a signal says stop. Owns the loop and the signal handlers."""

import asyncio
import contextlib
import errno
import os
import resource
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
import uvloop

from config import Settings
from huishang.errors import StartError
from huishang.offspring import Offspring
from media.plane.names import PlaneError

Ready = Callable[[list[str]], None]


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run beside the server. Secrets go into `environ` (added to ours); all see `argv`."""

    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)


#: Asked once the server listens: what it has found by then may be in the arguments.
Beside = Callable[[], Sequence[Program]]

_log = structlog.get_logger(__name__)
_BUSY = {
    errno.EADDRINUSE: ("端口被占用", "is taken"),
    errno.EADDRNOTAVAIL: ("本机无此地址", "is not this machine's"),
}
_BUSY[errno.EACCES] = ("无权使用该端口", "may not be used without privileges")


class Serve(Protocol):
    """A server: calls `ready` with its base URLs once listening, returns after `stop` is set."""

    def __call__(self, settings: Settings, ready: Ready, stop: asyncio.Event) -> Awaitable[None]: ...


def run(settings: Settings, serve: Serve, beside: Beside, announce: Ready) -> None:
    """Serve until SIGINT or SIGTERM, with the programs that `beside` gives once the server is ready; then end all.

    A second signal ends the process at once; the programs die with it. Raises StartError for a busy address.
    """
    raise_file_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_supervise(settings, serve, beside, announce))


def raise_file_limit() -> None:
    """Allow this process as many open files as it may have: every connection is one, and shells start us with 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _address_fault(error: OSError | PlaneError, settings: Settings) -> StartError | None:
    """Word an error that came, directly or as its cause, from an address that cannot be had."""
    reason = error if isinstance(error, OSError) else error.__cause__
    if not isinstance(reason, OSError) or reason.errno not in _BUSY:
        return None
    zh, en = _BUSY[reason.errno]
    http, media = settings.http, settings.media
    tcp = f" and {media.tcp_ports[0]}/tcp" if media.tcp else ""
    places = f"http {http.host}:{http.port}/tcp, media {media.bind}:{media.port}/udp{tcp}"
    what_to_do = f"{zh}，请改 http.port 或 media.port / {en}, change http.port or media.port"
    return StartError(f"{places}: {what_to_do} ({error})")


async def _supervise(settings: Settings, serve: Serve, beside: Beside, announce: Ready) -> None:
    stop, listening = asyncio.Event(), asyncio.Event()

    def on_ready(urls: list[str]) -> None:
        announce(urls)
        listening.set()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    companions = asyncio.create_task(_keep_beside(beside, listening, stop))
    try:
        await serve(settings, on_ready, stop)
    except (OSError, PlaneError) as error:
        fault = None if listening.is_set() else _address_fault(error, settings)
        if fault is not None:
            raise fault from None
        raise
    finally:
        stop.set()
        await companions


async def _keep_beside(beside: Beside, listening: asyncio.Event, stop: asyncio.Event) -> None:
    stopping = asyncio.create_task(stop.wait())
    starting = asyncio.create_task(listening.wait())
    await asyncio.wait((stopping, starting), return_when=asyncio.FIRST_COMPLETED)
    starting.cancel()
    async with contextlib.AsyncExitStack() as ends:
        watchers: list[asyncio.Task[None]] = []
        for program in () if stop.is_set() else beside():
            child = await Offspring.start(program.argv, {**os.environ, **program.environ})
            ends.push_async_callback(child.stop)
            watchers.append(asyncio.create_task(_tell_end(child, program, stop)))
        await stopping
    for watcher in watchers:
        await watcher


async def _tell_end(child: Offspring, program: Program, stop: asyncio.Event) -> None:
    status = await child.wait()
    if not stop.is_set():
        _log.warning("program_ended", program=" ".join(program.argv[1:3]), status=status)
