"""One operating-system process per unit: started, watched, restarted, ended. Subprocesses only; no media, no network.

A child reads its orders as one JSON line from standard input and takes the end of that stream as the death of its
parent, so that nothing is left behind even after ``kill -9``, and the token is in no command line or environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

FIRST_RESTART_S: Final = 1.0
LONGEST_RESTART_S: Final = 15.0
START_APART_S: Final = 0.3
"""Between one child and the next: they come to the wall in their order, and two cores are not asked for five starts."""
TERMINATE_S: Final = 2.0
"""How long a child may take to say goodbye before it is killed; shorter than whoever started us waits for us."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a child is told."""

    url: str
    token: str
    ca: str | None
    """File of the authority that signed the server's certificate; None means the system's authorities."""
    sources: dict[str, str] = field(default_factory=dict)
    """Under which source a unit publishes, by the unit's id; its own id where it is not named."""

    def to_line(self) -> bytes:
        """Return the JSON line a child reads."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @staticmethod
    def from_line(line: bytes) -> Orders:
        """Parse what ``to_line`` made.

        Raises:
            ValueError: not such a line.
        """
        try:
            return Orders(**json.loads(line))
        except TypeError as error:
            raise ValueError(str(error)) from None


async def run_children(unit_ids: Sequence[str], orders: Orders, module: str = "huishang.demo.unit") -> None:
    """Keep one child per unit alive until cancelled; on return no child is left."""
    async with asyncio.TaskGroup() as group:
        for place, unit_id in enumerate(unit_ids):
            alive = _keep_alive(unit_id, orders, module, place * START_APART_S)
            group.create_task(alive, name=f"demo-{unit_id}")


async def _keep_alive(unit_id: str, orders: Orders, module: str, first_s: float) -> None:
    await asyncio.sleep(first_s)
    pause = FIRST_RESTART_S
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        status = await _run_child(unit_id, orders, module)
        if loop.time() - started > LONGEST_RESTART_S:
            pause = FIRST_RESTART_S
        print(f"demo: {unit_id} ended with status {status}, again in {pause:.0f} s", file=sys.stderr, flush=True)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_RESTART_S)


async def _run_child(unit_id: str, orders: Orders, module: str) -> int:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        unit_id,
        stdin=asyncio.subprocess.PIPE,
        # Its own session: Ctrl-C reaches only the parent, which then ends the children in order.
        start_new_session=True,
    )
    assert child.stdin is not None
    try:
        with contextlib.suppress(ConnectionError):
            child.stdin.write(orders.to_line())
            await child.stdin.drain()
        return await child.wait()
    finally:
        await _end(child)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        async with asyncio.timeout(TERMINATE_S):
            await child.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
