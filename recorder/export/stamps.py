"""The newest time stamps of an excerpt of the ledger as files that `openssl ts` takes. Core: no I/O."""

from __future__ import annotations

from typing import Final

from recorder.proof.ledger_reading import read_ledger

TOKEN: Final = ".tsr"
STAMPED: Final = ".stamped"


def stamps(ledger: bytes) -> list[tuple[str, bytes]]:
    """Give names and contents: what was stamped last (the line of a checkpoint), and each authority's response."""
    read = read_ledger([ledger])
    known = [token for token in read.tokens if token.checkpoint in read.checkpoints]
    if not known:
        return []
    newest = max((read.checkpoints[token.checkpoint] for token in known), key=lambda each: (each.size, each.line))
    responses = [token.response for token in known if token.checkpoint == newest.name]
    files = [(f"newest{STAMPED}", newest.stamped)]
    return [*files, *((f"newest-{number}{TOKEN}", response) for number, response in enumerate(responses, 1))]
