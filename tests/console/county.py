"""A node with a small county in its directory, in a process of its own, and one-time links for its people.

`python -m tests.console.county serve --config FILE` is what runs there: the product's server with a beginning of ours.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from config import load
from dispatch.acts import endpoints, people, units
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Entry, Origin, decode
from dispatch.journal.file import Journal
from dispatch.permissions import SYSTEM
from dispatch.records import EndpointKind, Level, Role
from huishang import home, log
from huishang.run import run
from huishang.server import Node as ServedNode
from huishang.server import serve
from tests.console.node import Node

#: login -> (unit, name, role); units are P above C above E and W.
PEOPLE: Final = {
    "officer": ("C", "李卫国", "duty-officer"),
    "east": ("E", "杨芳", "member"),
    "west": ("W", "刘洋", "member"),
    "chief": ("P", "陈明", "administrator"),
}
UNITS: Final = {
    "P": ("", Level.PROVINCE, "四川省应急管理厅"),
    "C": ("P", Level.COUNTY, "青川县应急管理局"),
    "E": ("C", Level.TOWNSHIP, "竹园镇人民政府"),
    "W": ("C", Level.TOWNSHIP, "沙州镇人民政府"),
}
CAMERA: Final = "河堤一号摄像机"


@dataclass(frozen=True, slots=True)
class Known:
    """What the node's directory came to: ids by the names above, and a one-time code for each person."""

    units: dict[str, str]
    people: dict[str, str]
    camera: str
    codes: dict[str, str]


class County(Node):
    """The node, over https as people use it: the cookie of a sign-in is for https only."""

    module = "tests.console.county"

    def __init__(self, folder: Path, more: str = "") -> None:
        super().__init__(folder, tls=True, more=more)

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


async def enter(coordinator: Coordinator) -> None:
    """Enter the county, unless it is there."""
    if len(coordinator.tables.units):
        return
    ids = {"": ""}
    for key, (parent, level, name) in UNITS.items():
        create = units.Create(parent=ids[parent], level=level, name_zh=name)
        ids[key] = await coordinator.act(create, SYSTEM, Origin())
    for login, (unit, name, role) in PEOPLE.items():
        roles = (Role(role, ids[unit]),)
        made = people.Create(unit=ids[unit], name=name, login=login, roles=roles)
        await coordinator.act(made, SYSTEM, Origin())
    camera = endpoints.Create(unit=ids["W"], kind=EndpointKind.IP_CAMERA, name_zh=CAMERA)
    await coordinator.act(camera, SYSTEM, Origin())


async def _begin(node: ServedNode, folder: Path) -> None:
    await enter(node.coordinator)
    tables = node.coordinator.tables
    found = {login: tables.person_of_login.first(login) or "" for login in PEOPLE}
    codes = {login: await node.signin.invite(SYSTEM, person, "", 24, Origin()) for login, person in found.items()}
    by_name = {unit.name_zh: unit.id for unit in tables.units}
    known = {
        "units": {key: by_name[name] for key, (_, _, name) in UNITS.items()},
        "people": found,
        "camera": next(endpoint.id for endpoint in tables.endpoints if endpoint.name_zh == CAMERA),
        "codes": codes,
    }
    (folder / "known.json").write_text(json.dumps(known))


def main(arguments: Sequence[str]) -> None:
    """Serve until told to stop."""
    path = Path(arguments[arguments.index("--config") + 1])
    settings = load(path, os.environ)
    log.configure(settings.log)
    home.prepare(settings, datetime.now(UTC))

    async def begin(node: ServedNode) -> None:
        await _begin(node, path.parent)

    async def serve_county(settings, ready, stop):  # type: ignore[no-untyped-def]
        await serve(settings, ready, stop, begin)

    run(settings, serve_county, lambda: [], lambda urls: None)


if __name__ == "__main__":
    main(sys.argv[1:])
