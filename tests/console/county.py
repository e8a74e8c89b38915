"""A node with a small county in its directory, in a process of its own, and one-time links for its people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from dispatch.entry import Entry, decode
from dispatch.journal.file import Journal
from tests.console.county_node import CAMERA, PEOPLE, UNITS
from tests.console.node import Node

__all__ = ["CAMERA", "PEOPLE", "UNITS", "County", "Known"]


@dataclass(frozen=True, slots=True)
class Known:
    """What the node's directory came to: ids by the names above, and a one-time code for each person."""

    units: dict[str, str]
    people: dict[str, str]
    camera: str
    codes: dict[str, str]


class County(Node):
    """The node, over https as people use it: the cookie of a sign-in is for https only."""

    module = "tests.console.county_node"

    def __init__(self, folder: Path, more: str = "", host: str = "127.0.0.1") -> None:
        super().__init__(folder, tls=True, more=more, host=host)

    @property
    def known(self) -> Known:
        """What the node told at its last start."""
        return Known(**json.loads((self.folder / "known.json").read_text()))

    def link(self, login: str) -> str:
        """Return the one-time link of a person, of the last start."""
        return f"{self.url}/#welcome={self.known.codes[login]}"

    def entries(self) -> list[Entry]:
        """Read the journal of a node that does not run."""
        journal = Journal.open(self.folder / "journal", "huishang")
        try:
            records = [record for batch in journal.read() for _, record in batch]
        finally:
            journal.close()
        return [entry for record in records for entry in decode(record)]
