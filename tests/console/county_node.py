"""The county's node, as a process of its own: `python -m tests.console.county_node serve --config FILE`.

The product's server with a beginning of ours. It imports nothing of the tests: the browser's driver and the codecs of
those who ask would make each start longer.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from config import load
from dispatch.acts import endpoints, people, units
from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Origin
from dispatch.permissions import SYSTEM
from dispatch.records import EndpointKind, Level, Role
from huishang import home, log
from huishang.run import run
from huishang.server import Node, serve

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


async def _begin(node: Node, folder: Path) -> None:
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

    async def begin(node: Node) -> None:
        await _begin(node, path.parent)

    async def serve_county(settings, ready, stop):  # type: ignore[no-untyped-def]
        await serve(settings, ready, stop, begin)

    run(settings, serve_county, lambda: [], lambda urls: None)


if __name__ == "__main__":
    main(sys.argv[1:])
