"""``python -m huishang.demo --url https://127.0.0.1:8443 --token T --ca FILE``: start the demonstration's units."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

from huishang.demo.processes import Orders, run_children
from huishang.demo.units import UNITS

TOKEN_VARIABLE = "HUISHANG_DEMO_TOKEN"


def parse(arguments: Sequence[str] | None = None) -> tuple[Orders, list[str]]:
    """Read the command line (`arguments`, or the process's own).

    Raises:
        SystemExit: the command line is wrong; what and why is on standard error.
    """
    names = [unit.id for unit in UNITS]
    parser = argparse.ArgumentParser(prog="python -m huishang.demo", description="Start generated field units.")
    parser.add_argument("--url", required=True, help="the server, e.g. https://127.0.0.1:8443")
    parser.add_argument("--token", default=None, help=f"bearer token; default: ${TOKEN_VARIABLE}")
    parser.add_argument("--ca", help="certificate file of the server's authority; default: the system's")
    parser.add_argument("--unit", action="append", choices=names, help="only this unit (may be repeated)")
    parser.add_argument("--source", action="append", default=[], help="UNIT=ID: the source that a unit publishes")
    found = parser.parse_args(arguments)
    token = found.token if found.token is not None else os.environ.get(TOKEN_VARIABLE)
    if not token:
        parser.error(f"a token is needed: --token or ${TOKEN_VARIABLE}")
    sources = dict(item.partition("=")[::2] for item in found.source)
    if unknown := sources.keys() - set(names):
        parser.error(f"--source: no unit {', '.join(sorted(unknown))}")
    return Orders(found.url.rstrip("/"), token, found.ca, sources), found.unit or names


async def run(orders: Orders, unit_ids: Sequence[str]) -> None:
    """Run the units until SIGTERM or SIGINT; then end every child and return."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await run_children(unit_ids, orders)


def main() -> None:
    """Entry point."""
    orders, unit_ids = parse()
    asyncio.run(run(orders, unit_ids))


if __name__ == "__main__":
    main()
