"""Policies of recording, and the emergency of a unit, which is one: made, changed, taken back.

A policy goes on when its maker is gone, so who makes one has the right to record by a role and not by a grant, which
was lent for a time; and it is a rule of the unit as its directory is, so MANAGE is needed beside it, at both places
where a policy moves. An emergency is one press for who has the right to record at that moment: everybody sees it, and
whoever has that right takes it back.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from dispatch.acts.base import MAX_TEXT_CHARACTERS, Act, Desk, clean_text, declare
from dispatch.errors import Conflict, Forbidden, Full, Invalid
from dispatch.permissions import Right
from dispatch.records import ALL, DAY_US, EMERGENCY, LASTING, POLICY, EndpointKind, Policy

#: Not over, on the node, emergencies among them.
MAX_POLICIES = 200
#: Of one recording before another goes on. Shorter ones would be more chain than picture.
MIN_PERIOD_US = 10_000_000
MAX_PERIOD_US = 7 * DAY_US
MAX_AHEAD_US = 3_660 * DAY_US

What = Literal["sources", "consultations", "all"]
Retention = Literal["brief", "ordinary", "lasting"]


class Create(Act, frozen=True, kw_only=True):
    """`kinds`: of which endpoints the sources are, empty for all; `from_us` 0: now, `until_us` 0: until taken back."""

    unit: str
    what: What
    kinds: tuple[EndpointKind, ...] = ()
    retention: Retention = "ordinary"
    period_us: int = DAY_US
    reason: str = ""
    from_us: int = 0
    until_us: int = 0


@declare(
    "policy.create",
    Create,
    right=Right.MANAGE,
    target=lambda act: f"unit:{act.unit}",
    http="POST /policies",
    summary="Have what belongs to a unit and those below it recorded without anybody asking",
)
def _create(desk: Desk, act: Create) -> str:
    _require_role(desk, act.unit)
    policy = Policy(
        id=desk.new_id(),
        unit=act.unit,
        what=act.what,
        kinds=_kinds(act.what, act.kinds),
        retention=act.retention,
        period_us=act.period_us,
        why=POLICY,
        reason=_reason(act.reason, required=False),
        by=desk.actor.person,
        from_us=max(act.from_us, desk.now_us),
        until_us=act.until_us,
    )
    _check_times(desk, policy)
    return _enter(desk, "policy.create", policy)


class OnPolicy(Act, frozen=True, kw_only=True):
    """An act on one policy."""

    policy: str


def on(act: OnPolicy) -> str:
    """Return the object of an act on a policy."""
    return f"policy:{act.policy}"


class Change(OnPolicy, frozen=True, kw_only=True):
    """What is None stays."""

    unit: str | None = None
    what: What | None = None
    kinds: tuple[EndpointKind, ...] | None = None
    retention: Retention | None = None
    period_us: int | None = None
    reason: str | None = None
    from_us: int | None = None
    until_us: int | None = None


@declare(
    "policy.change",
    Change,
    right=Right.MANAGE,
    target=on,
    http="PATCH /policies/{policy}",
    summary="Change a policy of recording",
)
def _change(desk: Desk, act: Change) -> str:
    old = _plain(desk, act.policy)
    given = {name: getattr(act, name) for name in act.__struct_fields__ if getattr(act, name) is not None}
    del given["policy"]
    if act.what == "consultations":
        given.setdefault("kinds", ())
    new = msgspec.structs.replace(old, **given)
    new = msgspec.structs.replace(new, kinds=_kinds(new.what, new.kinds), reason=_reason(new.reason, required=False))
    if new.unit != old.unit:
        desk.require(Right.MANAGE, f"unit:{new.unit}")
    _require_role(desk, new.unit)
    _check_times(desk, new)
    changed = {name: getattr(new, name) for name in given if getattr(new, name) != getattr(old, name)}
    if changed:
        # Its unit is always told: who may read the entry hangs on it, also when the policy is over.
        desk.change("policy.change", on(act), **{"unit": new.unit, **changed})
    return ""


class Remove(OnPolicy, frozen=True, kw_only=True):
    """Take a policy back; what was recorded by it stays."""


@declare(
    "policy.remove",
    Remove,
    right=Right.MANAGE,
    target=on,
    http="DELETE /policies/{policy}",
    summary="Take a policy of recording back",
)
def _remove(desk: Desk, act: Remove) -> str:
    policy = _plain(desk, act.policy)
    _require_role(desk, policy.unit)
    _drop(desk, "policy.remove", policy)
    return ""


class Begin(Act, frozen=True, kw_only=True):
    """Record everything of a unit and those below it, for good, until somebody takes it back."""

    unit: str
    reason: str


@declare(
    "emergency.begin",
    Begin,
    right=Right.RECORD,
    target=lambda act: f"unit:{act.unit}",
    http="POST /units/{unit}/emergency",
    summary="Declare an emergency: all sources and consultations of a unit and those below it are recorded",
)
def _begin(desk: Desk, act: Begin) -> str:
    found = _emergency_of(desk, act.unit)
    if found is not None:
        return found.id
    policy = Policy(
        id=desk.new_id(),
        unit=act.unit,
        what=ALL,
        retention=LASTING,
        why=EMERGENCY,
        reason=_reason(act.reason, required=True),
        by=desk.actor.person,
        from_us=desk.now_us,
    )
    return _enter(desk, "emergency.begin", policy)


class End(Act, frozen=True, kw_only=True):
    """Take an emergency back."""

    unit: str


@declare(
    "emergency.end",
    End,
    right=Right.RECORD,
    target=lambda act: f"unit:{act.unit}",
    http="DELETE /units/{unit}/emergency",
    summary="Take a unit's emergency back: what only it had recorded ends",
)
def _end(desk: Desk, act: End) -> str:
    found = _emergency_of(desk, act.unit)
    if found is None:
        raise Conflict("emergency-none", "the unit has declared none")
    _drop(desk, "emergency.end", found)
    return ""


def _enter(desk: Desk, verb: str, policy: Policy) -> str:
    desk.tables.units.get(policy.unit)
    if len(desk.tables.policies) >= MAX_POLICIES:
        raise Full("policy-limit", f"{MAX_POLICIES} policies are the limit")
    return desk.create(verb, "policy", policy)


def _drop(desk: Desk, verb: str, policy: Policy) -> None:
    desk.remove(verb, f"policy:{policy.id}", unit=policy.unit)


def _plain(desk: Desk, identifier: str) -> Policy:
    """Return a policy that is no emergency. Raises Unknown, Conflict."""
    policy = desk.tables.policies.get(identifier)
    if policy.why == EMERGENCY:
        raise Conflict("policy-emergency", "an emergency is declared and taken back, and nothing else")
    return policy


def _emergency_of(desk: Desk, unit: str) -> Policy | None:
    found = map(desk.tables.policies.get, desk.tables.policies_of.ids(unit))
    return next((policy for policy in found if policy.why == EMERGENCY), None)


def _require_role(desk: Desk, unit: str) -> None:
    desk.tables.units.get(unit)
    if not desk.permissions.by_role(desk.actor, Right.RECORD, f"unit:{unit}"):
        raise Forbidden("forbidden", f"{desk.actor.person} may record what is of {unit[:80]} by no role")


def _kinds(what: str, kinds: tuple[EndpointKind, ...]) -> tuple[EndpointKind, ...]:
    if kinds and what == "consultations":
        raise Invalid("invalid-value", "consultations are of no kind", "kinds")
    return tuple(dict.fromkeys(kinds))


def _reason(text: str, *, required: bool) -> str:
    return clean_text(text, "reason", MAX_TEXT_CHARACTERS, required=required)


def _check_times(desk: Desk, policy: Policy) -> None:
    """Raise Invalid for times that cannot be."""
    if not MIN_PERIOD_US <= policy.period_us <= MAX_PERIOD_US:
        raise Invalid("out-of-range", "a recording lasts from 10 s to 7 days", "period_us")
    if policy.from_us > desk.now_us + MAX_AHEAD_US or policy.until_us > desk.now_us + MAX_AHEAD_US:
        raise Invalid("too-far-ahead", "a policy begins and ends within ten years", "until_us")
    if policy.until_us and policy.until_us <= max(policy.from_us, desk.now_us):
        raise Invalid("out-of-range", "a policy ends after it begins and after now", "until_us")
    if policy.from_us < 0 or policy.until_us < 0:
        raise Invalid("out-of-range", "no time is before 1970", "from_us")
