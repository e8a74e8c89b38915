"""The page's files behind the same server: headers, and nothing outside the folder."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
import structlog

from signaling.webrtc import exchange
from tests.patience import until
from tests.signaling.http.asking import Answer, ask, problem
from tests.signaling.node import EVERYTHING, Node, running_node

SECRET = "secret-of-the-node"


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A node whose page lies beside a secret, with one thing of each kind inside."""
    page = tmp_path / "page"
    (page / "js").mkdir(parents=True)
    (page / "index.html").write_text("<title>会商</title>", encoding="utf-8")
    (page / "js" / "main.js").write_text("export {};")
    (page / "notes.txt").write_text(SECRET)
    (tmp_path / "tokens.toml").write_text(SECRET)
    (tmp_path / "outside.js").write_text(SECRET)
    (page / "link.js").symlink_to(tmp_path / "outside.js")
    async with running_node(page=page) as node:
        yield node


async def raw_request(node: Node, target: str) -> bytes:
    """Ask for a target as it stands, which HTTP clients would tidy up."""
    address = urlsplit(node.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, family=socket.AF_INET)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def get(http: aiohttp.ClientSession, path: str, method: str = "GET") -> Answer:
    return await ask(http, method, path)


async def test_page_and_its_modules_are_served(http: aiohttp.ClientSession) -> None:
    page = await get(http, "/")
    assert page.status == 200 and "会商" in page.body.decode()
    module = await get(http, "/js/main.js")
    assert module.status == 200 and "javascript" in module.headers["Content-Type"]


@pytest.mark.parametrize("path", ["/", "/js/main.js", "/healthz", "/nothing-here", "/api/v1/sources"])
async def test_every_answer_carries_the_page_policy(http: aiohttp.ClientSession, path: str) -> None:
    headers = (await get(http, path)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/js/main.js", "/healthz"])
async def test_head_is_the_get_without_its_body(http: aiohttp.ClientSession, path: str) -> None:
    whole, head = await get(http, path), await get(http, path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.body))


@pytest.mark.parametrize(
    "target",
    [
        "/../tokens.toml",
        "/js/../../tokens.toml",
        "/..%2ftokens.toml",
        "/%2e%2e/tokens.toml",
        "/js/%2e%2e%2f%2e%2e%2ftokens.toml",
        "/../outside.js",
        "/%2e%2e%2foutside.js",
        "/js/..%2f..%2foutside.js",
        "/..%5coutside.js",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/link.js",
        "/notes.txt",
        "/js",
        "/js/",
        "/index.html%00.js",
        "/%00",
        "/" + "a" * 300 + ".js",
        "/" + "a/" * 2000 + "b.js",
        "/%ff%fe.js",
        "/.",
    ],
)
async def test_nothing_outside_the_page_is_served(node: Node, target: str) -> None:
    answer = await raw_request(node, target)
    assert SECRET.encode() not in answer and b"root:" not in answer
    assert answer.split(b" ", 2)[1] in (b"404", b"400", b"200")
    if answer.split(b" ", 2)[1] == b"200":
        assert "会商".encode() in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/js/main.js", "/healthz", "/api/v1/sources"])
async def test_other_methods_are_not_allowed(http: aiohttp.ClientSession, method: str, path: str) -> None:
    answer = await get(http, path, method)
    assert problem(answer, 405) == "method-not-allowed"
    assert "GET" in answer.headers["Allow"]


async def test_what_is_not_there_is_a_problem_with_a_code(http: aiohttp.ClientSession) -> None:
    for path in ("/nothing.html", "/api/v2/sources", "/whip", "/whip/", "/whip/a/b/c"):
        assert problem(await get(http, path), 404) == "not-found"


async def test_fault_in_one_request_is_logged_and_leaves_the_connection_to_the_next(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug = RuntimeError("a bug that nobody knows yet")

    def fault(*arguments: object) -> None:
        raise bug

    connector = aiohttp.TCPConnector(limit=1)
    headers = {"Authorization": f"Bearer {EVERYTHING}"}
    async with aiohttp.ClientSession(node.url, connector=connector, headers=headers) as one_connection:
        with monkeypatch.context() as broken, structlog.testing.capture_logs() as events:
            broken.setattr(type(node.exchange.registry), "all", fault)
            answer = await get(one_connection, "/api/v1/sources")
        assert problem(answer, 500) == "internal" and b"nobody knows" not in answer.body
        assert [(one["event"], one["exc_info"]) for one in events] == [("request_failed", bug)]
        assert (await get(one_connection, "/api/v1/sources")).status == 200


async def test_health_needs_no_token(node: Node) -> None:
    async with aiohttp.ClientSession(node.url) as stranger:
        answer = await get(stranger, "/healthz")
    assert answer.status == 200 and EVERYTHING.encode() not in answer.body


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_page_is_served_in_the_language_of_the_node(language: str) -> None:
    async with running_node(language=language) as node, aiohttp.ClientSession(node.url) as stranger:
        for path in ("/", "/index.html"):
            answer = await get(stranger, path)
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            (markup,) = re.findall(rb"<html[^>]*>", answer.body)
            assert re.findall(rb'lang="([^"]*)"', markup) == [language.encode()]


async def test_node_that_no_longer_looks_after_its_sessions_says_so_until_it_does(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "CHECK_SECONDS", 0.01)
    look = exchange.Exchange._look

    def fault(self: exchange.Exchange) -> None:
        raise RuntimeError("a bug that nobody knows yet")

    async with aiohttp.ClientSession(node.url) as stranger:
        monkeypatch.setattr(exchange, "HEALTHY_SECONDS", 0.5)
        monkeypatch.setattr(exchange.Exchange, "_look", fault)
        answer = await until("unwell", lambda: get(stranger, "/healthz"), lambda answer: answer.status != 200)
        assert problem(answer, 503) == "node-unwell"
        monkeypatch.setattr(exchange.Exchange, "_look", look)
        await until("well again", lambda: get(stranger, "/healthz"), lambda answer: answer.status == 200)
