"""Begins the command line. `verify` goes without the rest: importing a server takes as long as hashing 500 MB."""

import io
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run what the arguments ask for and exit with its status."""
    if sys.argv[1:2] == ["verify"]:
        from huishang.verify import alone

        tell_everywhere()
        alone()
    from huishang.cli import main as whole

    whole()


def tell_everywhere() -> None:
    """Let a terminal without Chinese show "?" there; it must not stop anything."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace", line_buffering=True)
