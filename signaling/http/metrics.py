"""`/metrics`: what the node does and how well, for Prometheus. Sums only: nobody's name, no consultation's.

Figures that others keep anyway are read when they are asked for; the rest is counted on the way (`measuring`).
"""

from __future__ import annotations

import ipaddress
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dispatch.records import Stage
from dispatch.sources import SourceRegistry, SourceState
from dispatch.tables import Tables
from media.plane.names import DROP_NAMES
from media.plane.thread import PlaneThread
from signaling.http.operation import Operation
from signaling.http.problem import refusal_code

PATH: Final = "/metrics"
#: Of an append with its fsync: from a fast disk to one that is about to fail.
_JOURNAL_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_LAG_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
#: Up to so much each, beyond what is named before: where a still, a small picture, a good one, several fit.
_LINK_KBPS: Final = (100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0, float("inf"))
#: What a proxy adds. Behind one on this machine every request comes from loopback.
_PROXY_HEADERS: Final = ("Forwarded", "Via", "X-Forwarded-For", "X-Real-IP")

#: label values -> figure
Figures = Mapping[tuple[str, ...], float]

OPERATION: Final = Operation(
    name="metrics.get",
    method="GET",
    path=PATH,
    summary="Figures of the node, in Prometheus' text format",
    why="from this machine itself, or with a token that may `measure`, or by the right `admin` of the node",
    gives={200: {"text/plain": None}},
    refuses=frozenset({401, 403}),
    signed_in=False,
    tag="node",
    names_device=False,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Figures that are read when asked for. `counts`: they only grow, and their name ends in `_total`."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[], Figures]
    counts: bool = False


class Metrics:
    """The figures of one node, in a registry of their own."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self.acts = Counter("huishang_acts", "Acts, by result", ["act", "result"], registry=self.registry)
        self.journal_seconds = Histogram(
            "huishang_journal_append_seconds",
            "From an append to the journal until it is on disk",
            buckets=_JOURNAL_SECONDS,
            registry=self.registry,
        )
        self.lag_seconds = Histogram(
            "huishang_loop_lag_seconds", "Lateness of the control loop", buckets=_LAG_SECONDS, registry=self.registry
        )
        self.refusals = Counter("huishang_http_refusals", "Refused requests", ["code"], registry=self.registry)
        Info("huishang_build", "The program", registry=self.registry).info({"version": version})
        ProcessCollector(registry=self.registry)

    def read(self, readers: Iterable[Reader]) -> None:
        """Tell these figures too."""
        self.registry.register(_Reading(tuple(readers)))

    @web.middleware
    async def count_refusals(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Count refusals by code; to stand outside of what makes problem details."""
        response = await handler(request)
        code = refusal_code(response)
        if code:
            self.refusals.labels(code).inc()
        return response


class _Reading(Collector):
    def __init__(self, readers: tuple[Reader, ...]) -> None:
        self._readers = readers

    def describe(self) -> Iterable[Metric]:
        return [self._family(reader) for reader in self._readers]

    def collect(self) -> Iterator[Metric]:
        for reader in self._readers:
            family = self._family(reader)
            for labels, figure in reader.read().items():
                family.add_metric(labels, figure)
            yield family

    def _family(self, reader: Reader) -> CounterMetricFamily | GaugeMetricFamily:
        kind = CounterMetricFamily if reader.counts else GaugeMetricFamily
        return kind(reader.name, reader.help, labels=reader.labels)


def dispatch_readers(tables: Tables, sources: SourceRegistry, pages: Callable[[], int]) -> list[Reader]:
    """Return the figures of dispatch. `pages`: how many are connected."""

    def stages() -> Figures:
        tally = Tally(item.stage for item in tables.consultations)
        return {(stage.value,): tally[stage] for stage in (Stage.SCHEDULED, Stage.RUNNING)}

    def states() -> Figures:
        tally = Tally(source.state for source in sources.all())
        return {(state.value,): tally[state] for state in SourceState}

    return [
        Reader("huishang_consultations", "Consultations, by stage", ("stage",), stages),
        Reader("huishang_sources", "Sources, by what comes of them", ("state",), states),
        Reader("huishang_pages", "Pages connected by WebSocket", (), lambda: {(): pages()}),
    ]


def plane_readers(
    threads: Callable[[], Iterable[PlaneThread]], sessions: Callable[[], Figures], links: Callable[[], Iterable[int]]
) -> list[Reader]:
    """Return the figures of the packet plane. `sessions`: media sessions by kind; `links`: bits/s of each viewer's."""

    def packets() -> Figures:
        figures: dict[tuple[str, ...], float] = {}
        for thread in threads():
            counters = thread.counters()
            figures[str(thread.index), "in"] = counters["received_packets"]
            figures[str(thread.index), "out"] = counters["sent_packets"]
        return figures

    def octets() -> Figures:
        return {(str(thread.index),): thread.counters()["sent_octets"] for thread in threads()}

    def drops() -> Figures:
        return {
            (str(thread.index), reason): count
            for thread in threads()
            # Also those that have not happened: a figure that appears with its first drop shows no increase.
            for reason, count in {**dict.fromkeys(DROP_NAMES[1:], 0), **thread.counters()["drops"]}.items()
        }

    def transports() -> Figures:
        return {(str(thread.index),): thread.counters()["transports"] for thread in threads()}

    def connections() -> Figures:
        return {(str(thread.index),): thread.counters()["connections"] for thread in threads()}

    def widths() -> Figures:
        tally = dict.fromkeys(_LINK_KBPS, 0)
        for bps in links():
            tally[next(kbps for kbps in _LINK_KBPS if bps <= kbps * 1000)] += 1
        return {(f"{kbps:g}",): count for kbps, count in tally.items()}

    return [
        Reader("huishang_links", "Links to viewers, by what may be sent over them", ("kbps",), widths),
        Reader("huishang_sessions", "Media sessions, by kind", ("kind",), sessions),
        Reader("huishang_plane_packets", "Packets of a plane thread", ("thread", "way"), packets, counts=True),
        Reader("huishang_plane_sent_bytes", "Bytes that a plane thread sent", ("thread",), octets, counts=True),
        Reader("huishang_plane_drops", "Packets dropped, by reason", ("thread", "reason"), drops, counts=True),
        Reader("huishang_plane_transports", "Transports of a plane thread", ("thread",), transports),
        Reader("huishang_plane_connections", "TCP connections of a plane thread", ("thread",), connections),
    ]


class MetricsEndpoint:
    """The handler of `/metrics`. `require` raises Problem for who may not read them from another machine."""

    def __init__(self, metrics: Metrics, require: Callable[[web.Request], object]) -> None:
        self._metrics = metrics
        self._require = require

    def routes(self) -> list[web.RouteDef]:
        """Return the route to add to an application."""
        return [OPERATION.route(self._get)]

    async def _get(self, request: web.Request) -> web.Response:
        if not is_local(request):
            self._require(request)
        encoder, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encoder(self._metrics.registry), headers={"Content-Type": content_type})


def is_local(request: web.Request) -> bool:
    """Tell whether a request comes from a program of this machine, and not through a proxy on it."""
    try:
        address = ipaddress.ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback and not any(name in request.headers for name in _PROXY_HEADERS)
