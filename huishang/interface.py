"""The routes that are made from their descriptions, put together, and the description of all of them."""

from __future__ import annotations

import time

from aiohttp import web

from dispatch.desk.ports import Doing
from dispatch.directory.search import SearchIndex
from dispatch.permissions import Permissions, Right
from dispatch.store.reading import Reader
from dispatch.store.segments import SegmentReader
from huishang import __version__
from huishang.desk import NodeDesk
from signaling.http.access import Access, PersonIdentity, TokenIdentity
from signaling.http.acts import ActsEndpoint
from signaling.http.described import MEDIA, session_operations
from signaling.http.exports import Exporting, ExportsEndpoint
from signaling.http.health import Health, HealthEndpoint
from signaling.http.metrics import Metrics, MetricsEndpoint
from signaling.http.naming import NamesEndpoint
from signaling.http.openapi import openapi_routes
from signaling.http.operation import Door, operations_of
from signaling.http.problem import Problem
from signaling.http.qr import QrEndpoint
from signaling.http.reads import ReadsEndpoint, collections
from signaling.http.recordings import RecordedFiles, RecordingsEndpoint
from signaling.http.search import SearchEndpoint
from signaling.http.timeline import TimelineEndpoint
from signaling.http.transfer import TransferEndpoint


def interface_routes(
    desk: NodeDesk,
    acts: Doing,
    access: Access,
    metrics: Metrics,
    health: Health,
    index: SearchIndex,
    files: RecordedFiles,
    exports: Exporting,
) -> list[web.RouteDef]:
    """Return the routes to add to an application."""
    reader = Reader(desk.database)
    door = Door(desk.coordinator.tables, desk.coordinator.permissions, access.person)
    endpoints = (
        ActsEndpoint(acts, door, collections()),
        ReadsEndpoint(reader, door),
        SearchEndpoint(index, door),
        TimelineEndpoint(reader, door),
        NamesEndpoint(reader, door),
        TransferEndpoint(acts, door),
        QrEndpoint(door),
        RecordingsEndpoint(reader, SegmentReader(desk.database), files, acts, door),
        ExportsEndpoint(exports, reader, acts, door),
        HealthEndpoint(health),
        MetricsEndpoint(metrics, lambda request: _require_measure(access, door.permissions, request)),
    )
    routes = [route for endpoint in endpoints for route in endpoint.routes()]
    operations = [*operations_of(routes), *MEDIA.values(), *session_operations()]
    return [*routes, *openapi_routes(operations, __version__)]


def _require_measure(access: Access, permissions: Permissions, request: web.Request) -> None:
    """Raise Problem for who may not read the node's figures from another machine."""
    identity = access.identify(request)
    if isinstance(identity, PersonIdentity):
        may = permissions.may(identity.actor, Right.ADMIN, "node", time.time_ns() // 1000)
    else:
        may = isinstance(identity, TokenIdentity) and "measure" in identity.token.verbs
    if not may:
        raise Problem("forbidden", "reading the figures needs a token that may measure, or the right admin of the node")
