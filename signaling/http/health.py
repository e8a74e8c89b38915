"""`/healthz`: whether the node does all it should, part by part, for whoever watches over it.

A vital part that is unwell makes the whole unwell (503); without the others the node goes on, degraded (200).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
from aiohttp import web

from signaling.http.operation import JSON, Operation, answer
from signaling.http.problem import Problem

PATH: Final = "/healthz"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a part, since when (microseconds UTC; 0: the part itself does not know)."""

    code: str
    since_us: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """Something that can be unwell. `look` returns what is wrong now; it must neither wait nor raise."""

    look: Callable[[], Fault | None]
    vital: bool


class PartState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`code` says what is wrong, `since_us` since when; both are absent of a part that is well."""

    ok: bool
    code: str = ""
    since_us: int = 0


class HealthState(msgspec.Struct, frozen=True):
    """`degraded`: something that is not vital is unwell."""

    status: Literal["ok", "degraded"]
    parts: dict[str, PartState]


OPERATION: Final = Operation(
    name="health.get",
    method="GET",
    path=PATH,
    summary="Whether the node does all it should, by parts; 503 when a vital one does not",
    why="it names parts and codes only, and must answer when nobody can sign in",
    signed_in=False,
    names_device=False,
    gives={200: {JSON: HealthState}},
    refuses=frozenset({503}),
    tag="node",
)


class Health:
    """Remembers since when a part is unwell; `look` wants to be called about once a second."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = dict(parts)
        self._since: dict[str, tuple[str, int]] = {}

    def look(self, now_us: int) -> dict[str, PartState]:
        """Return every part's state."""
        return {name: self._state(name, part.look(), now_us) for name, part in self._parts.items()}

    def is_unwell(self, states: Mapping[str, PartState]) -> bool:
        """Tell whether a vital part is unwell."""
        return any(self._parts[name].vital and not state.ok for name, state in states.items())

    def _state(self, name: str, fault: Fault | None, now_us: int) -> PartState:
        if fault is None:
            self._since.pop(name, None)
            return PartState(True)
        if name not in self._since or self._since[name][0] != fault.code:
            self._since[name] = (fault.code, now_us)
        return PartState(False, fault.code, fault.since_us or self._since[name][1])


class HealthEndpoint:
    """The handler of `/healthz`."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def routes(self) -> list[web.RouteDef]:
        """Return the route to add to an application."""
        return [OPERATION.route(self._get)]

    async def _get(self, request: web.Request) -> web.Response:
        states = self._health.look(time.time_ns() // 1000)
        if self._health.is_unwell(states):
            unwell = ", ".join(f"{name}: {state.code}" for name, state in states.items() if not state.ok)
            raise Problem("node-unwell", unwell, more={"parts": msgspec.to_builtins(states)})
        degraded = not all(state.ok for state in states.values())
        return answer(HealthState("degraded" if degraded else "ok", states))
