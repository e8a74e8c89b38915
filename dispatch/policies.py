"""Which policies of recording hold, and what they come to for a source or a consultation. Core.

A source belongs to the unit of its endpoint, or of the person whose page sends it. One of no unit is the node's as a
whole, which belongs to who has a right at a root, so the policies of the roots hold for it.
"""

from __future__ import annotations

from typing import NamedTuple

from dispatch.permissions import Permissions, owner_of
from dispatch.records import (
    ALL,
    CONSULTATIONS,
    EMERGENCY,
    RETENTIONS,
    SOURCES,
    EndpointKind,
    Policy,
    Recording,
    Stage,
)
from dispatch.tables import Tables


class Want(NamedTuple):
    """What all policies that hold come to: `policy` speaks for them, an emergency first, then who was made first."""

    policy: Policy
    #: The longest of them.
    retention: str
    #: The shortest of them.
    period_us: int

    @property
    def is_emergency(self) -> bool:
        """Whether an emergency is among them."""
        return self.policy.why == EMERGENCY


class Holding:
    """The policies in force at one moment; void when anything has changed."""

    def __init__(self, tables: Tables, now_us: int) -> None:
        self._tables = tables
        self._permissions = Permissions(tables)
        self._now_us = now_us
        self._of_unit: dict[str, tuple[Policy, ...]] = {}
        self._wants: dict[tuple[str, str, str], Want | None] = {}

    def want(self, of: str) -> Want | None:
        """Return what policies want of `source:ID` or `consultation:ID`, None when they want nothing."""
        kind, _, identifier = of.partition(":")
        if not len(self._tables.policies):
            return None
        if kind == "source":
            return self._want(self._permissions.unit_of(of), SOURCES, self._kind(identifier))
        consultation = self._tables.consultations.find(identifier)
        if consultation is None or consultation.stage is not Stage.RUNNING:
            return None
        return self._want(consultation.unit, CONSULTATIONS, "")

    def _want(self, unit: str, what: str, kind: str) -> Want | None:
        key = (unit, what, kind)
        if key not in self._wants:
            found = [
                policy
                for policy in self._over(unit)
                if policy.what in (ALL, what) and (what != SOURCES or not policy.kinds or kind in policy.kinds)
            ]
            self._wants[key] = _sum(found) if found else None
        return self._wants[key]

    def _over(self, unit: str) -> tuple[Policy, ...]:
        """Return the policies that hold for a unit: its own and those of the units above it."""
        if unit not in self._of_unit:
            line = self._permissions.line(unit) if unit else self._tables.children.ids("root")
            ids = (item for above in line for item in self._tables.policies_of.ids(above))
            found = map(self._tables.policies.get, ids)
            self._of_unit[unit] = tuple(policy for policy in found if holds(policy, self._now_us))
        return self._of_unit[unit]

    def _kind(self, source: str) -> str:
        endpoint = self._tables.endpoints.find(source)
        if endpoint is not None:
            return endpoint.kind.value
        return EndpointKind.BROWSER.value if owner_of(source) else ""


def holds(policy: Policy, now_us: int) -> bool:
    """Tell whether a policy is in force."""
    return policy.from_us <= now_us and not is_over(policy, now_us)


def is_over(policy: Policy, now_us: int) -> bool:
    """Tell whether a policy's time has passed."""
    return 0 < policy.until_us <= now_us


def is_longer(retention: str, other: str) -> bool:
    """Tell whether what is of this class is kept longer than what is of the other."""
    return rank(retention) > rank(other)


def rank(retention: str) -> int:
    """Return a number that is the greater the longer a class is kept; what only a newer node knows is kept longest."""
    return RETENTIONS.index(retention) if retention in RETENTIONS else len(RETENTIONS)


def lacks(recording: Recording, want: Want) -> bool:
    """Tell whether a recording that runs has to change for what is wanted: kept longer, or no more paused."""
    return is_longer(want.retention, recording.retention) or (want.is_emergency and recording.paused_us > 0)


def _sum(policies: list[Policy]) -> Want:
    first = min(policies, key=lambda policy: (policy.why != EMERGENCY, policy.id))
    retention = max((policy.retention for policy in policies), key=rank)
    return Want(first, retention, min(policy.period_us for policy in policies))
