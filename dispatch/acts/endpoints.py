"""Endpoints: making, changing, moving and removing devices, their credentials, letting them in or not."""

from __future__ import annotations

import re

import msgspec

from dispatch.acts.base import Act, Desk, declare
from dispatch.acts.consultation import leave_record
from dispatch.acts.grants import drop_grants
from dispatch.directory import rules
from dispatch.entry import SECRET
from dispatch.errors import Conflict, Invalid
from dispatch.permissions import Right
from dispatch.records import Attendance, Endpoint, EndpointKind

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class Create(Act, frozen=True, kw_only=True):
    """`id`: what the endpoint is called elsewhere, "" for a new identifier. Cameras' names repeat."""

    unit: str
    kind: EndpointKind
    name_zh: str
    name_en: str = ""
    gb_id: str = ""
    id: str = ""


@declare(
    "endpoint.create",
    Create,
    right=Right.MANAGE,
    target=lambda act: f"unit:{act.unit}",
    http="POST /endpoints",
    summary="Make an endpoint of a unit",
)
def _create(desk: Desk, act: Create) -> str:
    desk.tables.units.get(act.unit)
    rules.room(desk.tables.endpoints, rules.MAX_ENDPOINTS)
    endpoint = Endpoint(
        id=rules.identifier(desk, act.id),
        unit=act.unit,
        kind=act.kind,
        name_zh=rules.name(act.name_zh, "name_zh"),
        name_en=rules.name(act.name_en, "name_en", required=False),
        gb_id=rules.gb_id(act.gb_id),
    )
    _check_unique(desk, endpoint)
    return desk.create("endpoint.create", "endpoint", endpoint)


class OnEndpoint(Act, frozen=True, kw_only=True):
    """An act on one endpoint."""

    endpoint: str


def on(act: OnEndpoint) -> str:
    """Return the object of an act on an endpoint."""
    return f"endpoint:{act.endpoint}"


class Change(OnEndpoint, frozen=True, kw_only=True):
    """What is None stays. With `unit` it is a move, for which one needs the right at both places."""

    unit: str | None = None
    kind: EndpointKind | None = None
    name_zh: str | None = None
    name_en: str | None = None
    gb_id: str | None = None


@declare(
    "endpoint.change",
    Change,
    right=Right.MANAGE,
    target=on,
    http="PATCH /endpoints/{endpoint}",
    summary="Change an endpoint's names, kind, GB id or unit",
)
def _change(desk: Desk, act: Change) -> str:
    old = desk.tables.endpoints.get(act.endpoint)
    new = msgspec.structs.replace(
        old,
        unit=old.unit if act.unit is None else act.unit,
        kind=old.kind if act.kind is None else act.kind,
        name_zh=old.name_zh if act.name_zh is None else rules.name(act.name_zh, "name_zh"),
        name_en=old.name_en if act.name_en is None else rules.name(act.name_en, "name_en", required=False),
        gb_id=old.gb_id if act.gb_id is None else rules.gb_id(act.gb_id),
    )
    _amend(desk, old, new)
    return ""


class Move(OnEndpoint, frozen=True, kw_only=True):
    """Put an endpoint into another unit."""

    unit: str


@declare(
    "endpoint.move",
    Move,
    right=Right.MANAGE,
    target=on,
    http="PUT /endpoints/{endpoint}/unit",
    summary="Put an endpoint into another unit",
)
def _move(desk: Desk, act: Move) -> str:
    old = desk.tables.endpoints.get(act.endpoint)
    _amend(desk, old, msgspec.structs.replace(old, unit=act.unit))
    return ""


class Disable(OnEndpoint, frozen=True, kw_only=True):
    """Let a device in no more and take its source out of all consultations."""


@declare(
    "endpoint.disable",
    Disable,
    right=Right.MANAGE,
    target=on,
    http="POST /endpoints/{endpoint}/disable",
    summary="Let an endpoint in no more",
)
def _disable(desk: Desk, act: Disable) -> str:
    old = desk.tables.endpoints.get(act.endpoint)
    if not old.disabled:
        desk.amend("endpoint.disable", "endpoint", old, msgspec.structs.replace(old, disabled=True))
        _take_out(desk, old)
    return ""


class Enable(OnEndpoint, frozen=True, kw_only=True):
    """Let a device in again."""


@declare(
    "endpoint.enable",
    Enable,
    right=Right.MANAGE,
    target=on,
    http="POST /endpoints/{endpoint}/enable",
    summary="Let an endpoint in again",
)
def _enable(desk: Desk, act: Enable) -> str:
    old = desk.tables.endpoints.get(act.endpoint)
    desk.amend("endpoint.enable", "endpoint", old, msgspec.structs.replace(old, disabled=False))
    return ""


class Remove(OnEndpoint, frozen=True, kw_only=True):
    """Take an endpoint out."""


@declare(
    "endpoint.remove",
    Remove,
    right=Right.MANAGE,
    target=on,
    http="DELETE /endpoints/{endpoint}",
    summary="Take an endpoint out",
)
def _remove(desk: Desk, act: Remove) -> str:
    old = desk.tables.endpoints.get(act.endpoint)
    _take_out(desk, old)
    drop_grants(desk, on(act))
    drop_grants(desk, f"source:{old.id}")
    if old.id in desk.tables.credentials:
        desk.remove("endpoint.remove", f"credential:{old.id}")
    desk.remove("endpoint.remove", on(act))
    return ""


class Credential(OnEndpoint, frozen=True, kw_only=True):
    """`secret`: SHA-256, in hexadecimal, of the random token that the shell made and tells once; "" revokes it."""

    secret: str


@declare(
    "endpoint.credential",
    Credential,
    right=Right.ADMIN,
    target=on,
    summary="Replace or revoke an endpoint's credential",
)
def _credential(desk: Desk, act: Credential) -> str:
    endpoint = desk.tables.endpoints.get(act.endpoint)
    target = f"credential:{endpoint.id}"
    if act.secret:
        if not _DIGEST.match(act.secret):
            raise Invalid("invalid-secret", "a credential is kept as its SHA-256 digest", SECRET)
        desk.change("endpoint.credential", target, secret=act.secret, changed_us=desk.now_us)
    elif endpoint.id in desk.tables.credentials:
        desk.remove("endpoint.credential", target)
    return ""


def _amend(desk: Desk, old: Endpoint, new: Endpoint) -> None:
    if new.unit != old.unit:
        desk.tables.units.get(new.unit)
        desk.require(Right.MANAGE, f"unit:{new.unit}")
    _check_unique(desk, new)
    desk.amend("endpoint.change" if new.unit == old.unit else "endpoint.move", "endpoint", old, new)


def _check_unique(desk: Desk, endpoint: Endpoint) -> None:
    if endpoint.gb_id and desk.tables.endpoint_of_gb.first(endpoint.gb_id) not in (None, endpoint.id):
        raise Conflict("gb-id-taken", f"another endpoint has {endpoint.gb_id}", "gb_id")


def _take_out(desk: Desk, endpoint: Endpoint) -> None:
    """Take the endpoint's source out of the consultations that have not ended."""
    for identifier in desk.tables.participants_for.ids(endpoint.id):
        item = desk.tables.participants.get(identifier)
        if item.attendance not in (Attendance.LEFT, Attendance.REMOVED):
            leave_record(desk, item, Attendance.LEFT, "participant.leave")
