"""Runs an export in a process of its own: niced, without the server's environment, ended with whoever waits for it.

Shell. The process decodes what came from outside, so what it says is bounded and parsed; it may die of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

import recorder
from recorder.export import orders, outlet
from recorder.export.errors import ExportCancelled, ExportError, ExportFailed, ExportFull, ExportRefused
from recorder.export.orders import AnyOrder, Made, Progress, Refused
from recorder.export.selection import ClipSplit

_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
_ERRORS: Final = {error.code: error for error in (ExportCancelled, ExportFailed, ExportFull)}


async def run(order: AnyOrder, tell: Callable[[int, int], None] = outlet.untold) -> Made:
    """Make what is ordered; `tell` is told how much is done of how much.

    Raises ExportError; ExportFailed too where the process died. Whoever is cancelled here, or raises in `tell`, ends
    the process, and nothing of the export is left.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "recorder.export",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=Path(recorder.__file__).parents[1],
        env=_ENVIRONMENT,
        limit=orders.MAX_LINE_BYTES,
    )
    try:
        made = await _talk(process, orders.encode(order), tell)
        await process.wait()
        return made
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())
        if process.returncode:
            await asyncio.to_thread(outlet.clear, Path(order.path))


async def _talk(process: asyncio.subprocess.Process, order: bytes, tell: Callable[[int, int], None]) -> Made:
    assert process.stdin and process.stdout
    with contextlib.suppress(ConnectionError):
        process.stdin.write(order)
        await process.stdin.drain()
        process.stdin.close()
    while True:
        try:
            line = await process.stdout.readline()
            said = orders.said_of(line) if line else None
        except (ValueError, msgspec.MsgspecError) as error:
            raise ExportFailed("the process says what is none of its words") from error
        if isinstance(said, Progress):
            tell(said.done, said.total)
        elif isinstance(said, Made):
            return said
        elif isinstance(said, Refused):
            raise _error(said)
        else:
            raise ExportFailed(f"the process ended without a word ({await process.wait()})")


def _error(said: Refused) -> ExportError:
    if said.parts:
        return ClipSplit(said.parts)
    if said.code == ExportRefused.code:
        return ExportRefused(said.reason, said.text)
    return _ERRORS.get(said.code, ExportFailed)(said.text)
