"""Figures: they follow what happens, name nobody, and are not everybody's to read."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from config import Token
from dispatch.acts.chair import Lock
from dispatch.acts.consultation import Create
from dispatch.desk.keeping import JournalKeeper
from dispatch.entry import Origin
from dispatch.errors import Refused
from dispatch.permissions import Actor
from dispatch.sources import SourceRegistry
from media.plane.names import DROP_NAMES
from signaling.http.access import Access
from signaling.http.measuring import LoopLag, MeasuredActs, MeasuredKeeper
from signaling.http.metrics import Metrics, MetricsEndpoint, dispatch_readers, plane_readers
from tests.patience import until
from tests.signaling.http.asking import ask, problem, serving
from tests.signaling.http.county import COUNTY, coordinating, number, person
from tests.signaling.node import Node

MEASURER = "token-that-only-measures"
ACCESS = Access(
    [
        Token(name="prometheus", secret=MEASURER, verbs=("measure",)),
        Token(name="all", secret="token-for-media-only-1", verbs=("publish", "watch")),
    ]
)


@asynccontextmanager
async def serving_metrics(metrics: Metrics) -> AsyncIterator[aiohttp.ClientSession]:
    routes = MetricsEndpoint(metrics, lambda request: ACCESS.require(request, "measure", "")).routes()
    async with serving(routes, metrics.count_refusals) as url, aiohttp.ClientSession(url) as http:
        yield http


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def read(http: aiohttp.ClientSession) -> Samples:
    answer = await ask(http, "GET", "/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


async def test_acts_are_counted_by_name_and_result(tmp_path: Path) -> None:
    metrics = Metrics("1.2")
    async with coordinating(tmp_path) as (coordinator, _), serving_metrics(metrics) as http:
        metrics.read(dispatch_readers(coordinator.tables, SourceRegistry(10), lambda: 3))
        acts = MeasuredActs(coordinator, metrics.acts)
        officer = Actor(person("officer"))
        made = await acts.act(Create(title="会商", unit=COUNTY), officer, Origin())
        with pytest.raises(Refused):
            await acts.act(Lock(consultation=made, locked=True), Actor(person("west")), Origin())
        with pytest.raises(Refused):
            await acts.act(Create(title="", unit=COUNTY), officer, Origin())
        samples = await read(http)
    assert of(samples, "huishang_acts_total", act="consultation.create", result="done") == 1
    assert of(samples, "huishang_acts_total", act="consultation.create", result="empty") == 1
    assert of(samples, "huishang_acts_total", act="consultation.lock", result="forbidden") == 1
    assert of(samples, "huishang_consultations", stage="running") == 1
    assert of(samples, "huishang_consultations", stage="scheduled") == 0
    assert of(samples, "huishang_sources", state="live") == 0
    assert of(samples, "huishang_pages") == 3
    assert of(samples, "huishang_build_info", version="1.2") == 1
    assert of(samples, "process_cpu_seconds_total") > 0


async def test_appends_to_the_journal_are_timed(tmp_path: Path) -> None:
    metrics = Metrics("1")
    async with coordinating(tmp_path) as (_, journal), serving_metrics(metrics) as http:
        keeper = MeasuredKeeper(JournalKeeper(journal), metrics.journal_seconds)
        assert await keeper.append([b"{}", b"{}"]) == [0, 1]
        samples = await read(http)
    assert of(samples, "huishang_journal_append_seconds_count") == 1
    assert of(samples, "huishang_journal_append_seconds_sum") > 0


async def test_lag_of_the_loop_is_noted_until_closed() -> None:
    metrics = Metrics("1")
    lag = LoopLag(metrics.lag_seconds)
    lag.start()
    async with serving_metrics(metrics) as http:

        async def noted() -> float:
            return of(await read(http), "huishang_loop_lag_seconds_count")

        await until("the loop's lag", noted, lambda count: count >= 1)
        await lag.close()
        await lag.close()
        assert await noted() == await noted()


async def test_plane_tells_its_packets_and_every_reason_to_drop_one(node: Node) -> None:
    metrics = Metrics("1")

    def sessions() -> Mapping[tuple[str, ...], float]:
        return {("whip",): 2}

    metrics.read(plane_readers(lambda: node.relay.threads, sessions, lambda: [90_000, 100_000, 100_001, 10**9]))
    async with serving_metrics(metrics) as http:

        async def strangers() -> float:
            return of(await read(http), "huishang_plane_drops_total", thread="0", reason="stranger")

        assert await strangers() == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"\xff", ("127.0.0.1", node.relay.threads[0].port))
            await until("the drop", strangers, lambda count: count == 1)
        samples = await read(http)
    reasons = {dict(labels)["reason"] for name, labels in samples if name == "huishang_plane_drops_total"}
    assert reasons == set(DROP_NAMES) - {"none"}
    assert of(samples, "huishang_plane_packets_total", thread="0", way="in") == 1
    assert of(samples, "huishang_sessions", kind="whip") == 2
    widths = {dict(labels)["kbps"]: count for (name, labels), count in samples.items() if name == "huishang_links"}
    assert widths == {**dict.fromkeys(("500", "1000", "2500", "5000", "10000"), 0), "100": 2, "250": 1, "inf": 1}


async def test_refusals_are_counted_by_code() -> None:
    metrics = Metrics("1")
    async with serving_metrics(metrics) as http:
        await ask(http, "GET", "/nothing")
        await ask(http, "DELETE", "/metrics")
        samples = await read(http)
    assert of(samples, "huishang_http_refusals_total", code="not-found") == 1
    assert of(samples, "huishang_http_refusals_total", code="method-not-allowed") == 1


def named(samples: Iterable[tuple[str, tuple[tuple[str, str], ...]]]) -> set[str]:
    return {value for _, labels in samples for _, value in labels}


async def test_no_label_names_a_person_a_consultation_or_an_address(tmp_path: Path) -> None:
    metrics = Metrics("1")
    async with coordinating(tmp_path) as (coordinator, _), serving_metrics(metrics) as http:
        metrics.read(dispatch_readers(coordinator.tables, SourceRegistry(10), lambda: 1))
        acts = MeasuredActs(coordinator, metrics.acts)
        made = await acts.act(Create(title="会商", unit=COUNTY), Actor(person("officer")), Origin(ip="192.0.2.7"))
        with pytest.raises(Refused):
            await acts.act(Lock(consultation=number(777), locked=True), Actor(person("officer")), Origin())
        told = named(await read(http))
    assert not {made, person("officer"), "officer", "192.0.2.7", number(777), "会商"} & told


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
async def test_what_came_through_a_proxy_needs_a_token_that_may_measure(header: str) -> None:
    proxied = {header: "for=192.0.2.7"}
    async with serving_metrics(Metrics("1")) as http:
        assert problem(await ask(http, "GET", "/metrics", headers=proxied), 401) == "unauthorized"
        for token, status in ((MEASURER, 200), ("token-for-media-only-1", 403)):
            headers = {**proxied, "Authorization": f"Bearer {token}"}
            assert (await ask(http, "GET", "/metrics", headers=headers)).status == status
