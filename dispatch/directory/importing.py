"""Rows of a directory file into the acts that bring them in, and a report of every row that was refused. Core.

The rules are those of the acts themselves: each row is tried, in the name of who imports, on a copy of the tables that
is the planner's own. So a plan says what will happen, as long as nothing else happens in between; if something does, a
batch may be refused as a whole, and the same file is planned again. A row is found again by its id, division code,
login or GB id, else by its name in its unit, so that importing a file twice changes nothing the second time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

import msgspec

from dispatch.acts.base import Desk
from dispatch.acts.directory import MAX_ENTRIES_BYTES, MAX_STEPS, Import, Step, step_act, take
from dispatch.directory import columns, rules
from dispatch.directory.places import Places
from dispatch.directory.reading import File, Remark, Row, read, shorten
from dispatch.errors import Conflict, Invalid, Refused
from dispatch.ids import NewId, is_ulid
from dispatch.names import fold
from dispatch.permissions import Actor, Permissions
from dispatch.records import Endpoint
from dispatch.tables import Tables

#: Refusals of a unit that a later row of the file may lift.
_LATER = frozenset({"unit-unknown", "name-taken", "code-taken", "cycle", "level-above-parent", "too-deep"})
#: 3.2E+11: a spreadsheet made a number of a code, and its last digits are lost.
_ROUNDED = re.compile(r"[0-9](\.[0-9]+)?[Ee]\+[0-9]+\Z")
_SEPARATOR = re.compile("[;；\n]")


class Plan(msgspec.Struct, frozen=True):
    """What a file would do: `rows` are the steps of each row that changes something, in their order.

    `sizes`: about how many bytes of entries each row makes.
    """

    rows: tuple[tuple[Step, ...], ...]
    sizes: tuple[int, ...]
    created: int
    changed: int
    unchanged: int
    refused: tuple[Remark, ...]
    warnings: tuple[Remark, ...]

    def batches(self) -> Iterator[Import]:
        """Give the acts to do one after another; the steps of one row stay together."""
        batch: list[Step] = []
        filled = 0
        for steps, size in zip(self.rows, self.sizes, strict=True):
            if batch and (len(batch) + len(steps) > MAX_STEPS or filled + size > MAX_ENTRIES_BYTES):
                yield Import(steps=tuple(batch))
                batch, filled = [], 0
            batch += steps
            filled += size
        if batch:
            yield Import(steps=tuple(batch))


def plan(tables: Tables, actor: Actor, now_us: int, new_id: NewId, files: list[File]) -> Plan:
    """Return what the files would do. Uses up the tables: give a copy (`Tables.of`). Many rows take seconds."""
    content = read(files)
    planner = _Planner(tables, actor, now_us, new_id)
    planner.refused += content.refused
    planner.warnings += content.warnings
    planner.take_units([row for row in content.rows if row.kind == "unit"])
    for kind in ("person", "endpoint"):
        for row in content.rows:
            if row.kind == kind:
                planner.take_or_refuse(row)
    planner.refused.sort(key=lambda remark: (remark.file, remark.kind, remark.row))
    return Plan(
        rows=tuple(planner.rows),
        sizes=tuple(planner.sizes),
        created=planner.created,
        changed=len(planner.rows) - planner.created,
        unchanged=planner.unchanged,
        refused=tuple(planner.refused),
        warnings=tuple(planner.warnings),
    )


class _Planner:
    def __init__(self, tables: Tables, actor: Actor, now_us: int, new_id: NewId) -> None:
        self._tables = tables
        self._desk = Desk(tables, Permissions(tables), actor, now_us, new_id)
        self._places = Places(tables)
        self._seen: set[str] = set()
        #: unit -> name -> its endpoints, made when first asked for; what was renamed since stands there too
        self._named: dict[str, dict[str, dict[str, None]]] = {}
        self._steps_of: dict[str, Callable[[Row, dict[str, str]], tuple[str, list[Step]]]] = {
            "unit": self._unit,
            "person": self._person,
            "endpoint": self._endpoint,
        }
        self.rows: list[tuple[Step, ...]] = []
        self.sizes: list[int] = []
        self.created = 0
        self.unchanged = 0
        self.refused: list[Remark] = []
        self.warnings: list[Remark] = []

    def take_units(self, rows: list[Row]) -> None:
        """Take units until no more can be taken: a parent, or a name that becomes free, may come later in the file."""
        waiting: list[tuple[Row, Refused]] = []
        for _ in range(rules.MAX_DEPTH):
            waiting = []
            for row in rows:
                try:
                    self._take(row)
                except Refused as refusal:
                    if refusal.code in _LATER:
                        waiting.append((row, refusal))
                    else:
                        self._refuse(row, refusal)
            if not waiting or len(waiting) == len(rows):
                break
            rows = [row for row, _ in waiting]
        for row, reason in self._places.explained(waiting):
            self._refuse(row, reason)

    def take_or_refuse(self, row: Row) -> None:
        """Take a row, or report it."""
        try:
            self._take(row)
        except Refused as refusal:
            self._refuse(row, refusal)

    def _take(self, row: Row) -> None:
        """Try a row on the tables. Raises Refused, and then nothing of it stays."""
        cells = {field: _readable(field, cell) for field, cell in row.cells.items()}
        mark = self._tables.mark
        try:
            identifier, steps = self._steps_of[row.kind](row, cells)
            if identifier in self._seen:
                raise Conflict("duplicate-row", "an earlier row is about the same", "")
            sizes = [self._try(step) for step in steps]
        except Refused:
            self._tables.rollback(mark)
            raise
        self._tables.commit()
        self._seen.add(identifier)
        if cells.get("id"):
            self._places.rename(cells["id"], identifier)
        if row.kind == "unit":
            self._warn(row, identifier)
        elif row.kind == "endpoint":
            self._remember(self._tables.endpoints.get(identifier))
        done = [step for step, size in zip(steps, sizes, strict=True) if size]
        self.unchanged += not done
        self.created += any(step.name.endswith(".create") for step in done)
        if done:
            self.rows.append(tuple(done))
            self.sizes.append(sum(sizes))

    def _try(self, step: Step) -> int:
        """Take a step; return how many bytes of entries it makes, 0 when it changes nothing. Raises Refused."""
        self._desk.drafts.clear()
        return take(self._desk, step_act(step))

    def _refuse(self, row: Row, refusal: Refused) -> None:
        value = shorten(row.cells.get(refusal.field, ""))
        self.refused.append(Remark(row.file, row.number, refusal.field, refusal.code, value, row.kind))

    def _warn(self, row: Row, identifier: str) -> None:
        """Development zones and mobile units break the rule of the codes for good reasons, so it is not enforced."""
        unit = self._tables.units.get(identifier)
        parent = self._tables.units.find(unit.parent)
        if parent and parent.code and unit.code and not unit.code.startswith(rules.significant(parent.code)):
            self.warnings.append(Remark(row.file, row.number, "code", "code-outside-parent", unit.code, row.kind))

    def _unit(self, row: Row, cells: dict[str, str]) -> tuple[str, list[Step]]:
        parent = self._places.find(cells.get("parent", ""), "parent") if cells.get("parent") else ""
        code, name = cells.get("code", ""), cells.get("name_zh", "")
        found = self._known(row, cells)
        if not found and code:
            found = self._tables.unit_of_code.first(code)
        if not found and name:
            found = self._tables.unit_of_name.first(f"{parent or 'root'}/{fold(name)}")
            if found and code and self._tables.units.get(found).code not in ("", code):
                found = None  # another division of the same name: the act will say so
        values: dict[str, object] = {key: cells[key] for key in ("name_zh", "name_en", "code") if key in cells}
        if cells.get("level"):
            values["level"] = _word(columns.LEVEL_OF, cells["level"], "level")
        if cells.get("order"):
            values["order"] = _number(cells["order"])
        if parent or not found:
            values["parent"] = parent
        return self._step("unit", found, row, cells, values)

    def _person(self, row: Row, cells: dict[str, str]) -> tuple[str, list[Step]]:
        found = self._known(row, cells) or self._tables.person_of_login.first(cells.get("login", "").lower())
        values: dict[str, object] = {key: cells[key] for key in ("name", "login", "title") if key in cells}
        unit = self._tables.people.get(found).unit if found else ""
        if cells.get("unit"):
            unit = values["unit"] = self._places.find(cells["unit"], "unit")
        roles = self._roles(row.cells["roles"], unit) if "roles" in cells else None
        if roles is not None and not found:
            values["roles"] = roles
        identifier, steps = self._step("person", found, row, cells, values)
        if roles is not None and found:
            steps.append(Step("person.roles", {"person": identifier, "roles": roles}))
        return identifier, [*steps, *_disabling("person", identifier, cells)]

    def _endpoint(self, row: Row, cells: dict[str, str]) -> tuple[str, list[Step]]:
        values: dict[str, object] = {key: cells[key] for key in ("name_zh", "name_en", "gb_id") if key in cells}
        unit, gb_id = "", cells.get("gb_id", "")
        if cells.get("unit"):
            unit = values["unit"] = self._places.find(cells["unit"], "unit")
        found = self._known(row, cells)
        if not found and gb_id:
            found = self._tables.endpoint_of_gb.first(gb_id)
        if not found and unit and not cells.get("id"):
            found = self._by_name(unit, cells.get("name_zh", ""), gb_id)
        if cells.get("kind"):
            values["kind"] = _word(columns.KIND_OF, cells["kind"], "kind")
        identifier, steps = self._step("endpoint", found, row, cells, values)
        return identifier, [*steps, *_disabling("endpoint", identifier, cells)]

    def _by_name(self, unit: str, name: str, gb_id: str) -> str | None:
        """Return the endpoint of a unit with this name and no other GB id. Raises Conflict for several."""
        if unit not in self._named:
            self._named[unit] = {}
            for identifier in self._tables.endpoints_of_unit.ids(unit):
                self._remember(self._tables.endpoints.get(identifier))
        same = []
        for identifier in self._named[unit].get(fold(name), ()):
            endpoint = self._tables.endpoints.get(identifier)
            if endpoint.unit == unit and fold(endpoint.name_zh) == fold(name) and not (gb_id and endpoint.gb_id):
                same.append(identifier)
        if len(same) > 1:
            raise Conflict("ambiguous", "several endpoints of the unit have this name", "name_zh")
        return same[0] if same else None

    def _remember(self, endpoint: Endpoint) -> None:
        if endpoint.unit in self._named:
            self._named[endpoint.unit].setdefault(fold(endpoint.name_zh), {})[endpoint.id] = None

    def _known(self, row: Row, cells: dict[str, str]) -> str | None:
        """Return the id in a row when there is such a thing. Raises Invalid."""
        identifier = cells.get("id", "")
        if identifier and not is_ulid(identifier):
            raise Invalid("invalid-id", "an id is a ULID", "id")
        return identifier if identifier in self._tables.of_kind(row.kind) else None

    def _step(
        self, kind: str, found: str | None, row: Row, cells: dict[str, str], values: dict[str, object]
    ) -> tuple[str, list[Step]]:
        """Return the id of what a row is about, and the step that makes or changes it. Raises Invalid."""
        if found:
            return found, [Step(f"{kind}.change", {**values, kind: found})]
        for field in columns.REQUIRED[kind]:
            if not values.get(field):
                raise Invalid("missing", f"a new {kind} needs {field}", field)
        identifier = cells.get("id") or self._desk.new_id()
        return identifier, [Step(f"{kind}.create", {**values, "id": identifier})]

    def _roles(self, text: str, unit: str) -> list[dict[str, str]]:
        """Return the roles of a cell: ROLE@UNIT, or ROLE for the person's own unit. Raises Invalid, Unknown."""
        roles = []
        for item in filter(None, (part.strip() for part in _SEPARATOR.split(text))):
            word, _, place = item.partition("@")
            name = _word(columns.ROLE_OF, word, "roles")
            roles.append({"name": name, "scope": self._places.find(place, "roles") if place else unit})
        return roles


def _readable(field: str, cell: str) -> str:
    """Return a cell without spaces around it; where people type digits and letters, in their plain width."""
    if field in ("name_zh", "name_en", "name", "title", "roles"):
        return cell
    text = (cell if cell.isascii() else unicodedata.normalize("NFKC", cell[:1_000])).strip()
    if field in ("code", "gb_id", "parent", "unit") and _ROUNDED.match(text):
        raise Invalid("spreadsheet-number", "a spreadsheet rounded it; format the column as text", field)
    return text


def _word(table: dict[str, str], text: str, field: str) -> str:
    value = table.get(columns.plain(text[:1_000]))
    if value is None:
        raise Invalid(f"{'role' if field == 'roles' else field}-unknown", "none of the words for it", field)
    return value


def _number(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,9}(\.0+)?", text):
        raise Invalid("invalid-number", "a whole number", "order")
    return int(text.partition(".")[0])


def _disabling(kind: str, identifier: str, cells: dict[str, str]) -> list[Step]:
    if "disabled" not in cells:
        return []
    verb = "disable" if _word(columns.YES_NO_OF, cells["disabled"], "disabled") == "yes" else "enable"
    return [Step(f"{kind}.{verb}", {kind: identifier})]
