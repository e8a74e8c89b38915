"""Tokens of two real authorities over HTTP, one of which fails in many ways before it answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
from aiohttp import web

from recorder.book import BookWriter
from recorder.book.stamper import Authority as Asked
from recorder.book.stamper import Stamper
from recorder.proof import openssl
from recorder.proof.findings import is_sound
from recorder.proof.tokens import MAX_RESPONSE_BYTES, Certificates
from tests.patience import PATIENCE_S, until
from tests.recorder.book.books import NOW, closure, event, findings_at, open_book, opening
from tests.recorder.proof.authority import Authority


class Served:
    """An authority behind HTTP; `faults` are answered first, one after another."""

    def __init__(self, authority: Authority, *faults: web.Response | Authority) -> None:
        self._authority = authority
        self._faults = list(faults)
        self.asked = 0

    async def answer(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/timestamp-query"
        body = await request.read()
        self.asked += 1
        by = self._faults.pop(0) if self._faults else self._authority
        return web.Response(body=await asyncio.to_thread(by.reply, body)) if isinstance(by, Authority) else by


@asynccontextmanager
async def serving(**served: Served) -> AsyncIterator[str]:
    app = web.Application()
    for name, each in served.items():
        app.router.add_post(f"/{name}", each.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_tokens_are_kept_once_each_and_verification_tells_who_saw_what(tmp_path: Path) -> None:
    century = timedelta(days=40_000)
    one, two = (Authority(tmp_path / name, name, century, with_chain=name == "two") for name in ("one", "two"))
    stranger = Authority(tmp_path / "stranger", "stranger")
    faults: list[web.Response | Authority] = [
        web.Response(status=503),
        web.Response(body=b"no token"),
        web.Response(body=bytes(MAX_RESPONSE_BYTES + 1)),
        web.Response(status=302, headers={"Location": "/one"}),
        stranger,
    ]
    served = {"one": Served(one), "two": Served(two, *faults)}
    root = tmp_path / "root"
    book = BookWriter(open_book(root), gather_s=0.0)
    clock = [NOW]

    def utc_us() -> int:
        clock[0] += 3_600_000_000  # so that no failure waits for its next try
        return clock[0]

    await asyncio.wrap_future(book.submit(opening("A")))
    await asyncio.wrap_future(book.submit(event("A", 1)))
    async with serving(**served) as url, aiohttp.ClientSession() as session:
        authorities = [Asked(f"{url}/{name}", Certificates([by.root])) for name, by in (("one", one), ("two", two))]
        stamper = Stamper(book, session, authorities, other_check=openssl.check, every_s=0.05, utc_us=utc_us)
        running = asyncio.create_task(stamper.run())
        await until("a fault of one authority", lambda: bool(stamper.refusals))
        await until("both authorities", lambda: served["two"].asked > len(faults) and not stamper.unreachable)
        assert not stamper.refusals
        asked = {name: each.asked for name, each in served.items()}
        assert asked == {"one": 1, "two": len(faults) + 1}, "a checkpoint over tokens alone is not stamped"
        await asyncio.wrap_future(book.submit(closure("A")))
        await until("the next checkpoint", lambda: all(each.asked > asked[name] for name, each in served.items()))
        await until("the answers", lambda: not stamper._asking)
        running.cancel()
        await asyncio.wait([running], timeout=PATIENCE_S)
    await asyncio.to_thread(book.close)
    findings = findings_at(root, [one.root, two.root], now=clock[0])
    assert is_sound(findings)
    assert {f.authority for f in findings if f.code == "stamped"} <= {"CN=one", "CN=two"}
    assert {f.code for f in findings if f.state == "unknown"} == {
        "key-unpinned",
        "before-witness",
        "older-copy",
        "file-beside",
        "token-unchecked",
    }, "a stranger's answer is kept, and told as what it is"
    open_book(root).close()


async def test_an_authority_that_cannot_be_reached_is_told_and_holds_up_nothing(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "one", "one")
    book = BookWriter(open_book(tmp_path / "root"), gather_s=0.0)
    await asyncio.wrap_future(book.submit(opening("A")))
    async with aiohttp.ClientSession() as session:
        asked = Asked("http://127.0.0.1:1/", Certificates([authority.root]))
        stamper = Stamper(book, session, [asked])
        running = asyncio.create_task(stamper.run())
        await until("the failure", lambda: list(stamper.unreachable) == [asked.url])
        running.cancel()
        await asyncio.wait([running], timeout=PATIENCE_S)
    await asyncio.to_thread(book.close)
    assert list(stamper.refusals) == [asked.url]
