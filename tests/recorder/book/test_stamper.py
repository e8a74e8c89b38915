"""Tokens of two real authorities over HTTP, one of which fails in many ways before it answers."""

import asyncio
import time
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
        if not stamper._asking:
            clock[0] += 3_600_000_000  # so that no failure waits for its next try, and no answer is late
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


async def test_tokens_are_renewed_before_their_authoritys_certificate_ends(tmp_path: Path) -> None:
    short = Authority(tmp_path / "short", "short", timedelta(days=30))
    long = Authority(tmp_path / "long", "long", timedelta(days=400))
    day = 86_400_000_000
    clock = [time.time_ns() // 1000]
    book = BookWriter(open_book(tmp_path / "root", now=clock[0]), gather_s=0.0, utc_us=lambda: clock[0])
    await asyncio.wrap_future(book.submit(opening("A")))
    await asyncio.wrap_future(book.submit(closure("A")))
    served = Served(long, short)
    async with serving(tsa=served) as url, aiohttp.ClientSession() as session:
        asked = Asked(f"{url}/tsa", Certificates([short.root, long.root]))
        stamper = Stamper(book, session, [asked], every_s=0.05, utc_us=lambda: clock[0])
        running = asyncio.create_task(stamper.run())
        await until("the token that ends soon", lambda: served.asked == 1 and not stamper._asking)
        clock[0] += day
        await until("its renewal", lambda: served.asked == 2 and not stamper._asking)
        clock[0] += 200 * day
        running.cancel()
        await asyncio.wait([running], timeout=PATIENCE_S)
    await asyncio.to_thread(book.close)
    assert not stamper.refusals
    roots = [short.root, long.root]
    findings = findings_at(tmp_path / "root", roots, now=clock[0])
    assert is_sound(findings) and "token-expired" not in {f.code for f in findings}
    assert {f.authority for f in findings if f.code == "stamped"} == {"CN=short"}, "the first witness still counts"
    after = findings_at(tmp_path / "root", roots, now=clock[0] + 400 * day)
    assert "token-expired" in {f.code for f in after}, "and no longer than the renewal"


async def test_a_token_whose_root_is_not_there_is_kept_for_who_has_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "one", "one")
    book = BookWriter(open_book(tmp_path / "root"), gather_s=0.0)
    await asyncio.wrap_future(book.submit(opening("A")))
    served = Served(authority)
    async with serving(tsa=served) as url, aiohttp.ClientSession() as session:
        stamper = Stamper(book, session, [Asked(f"{url}/tsa", Certificates([]))], every_s=0.05)
        running = asyncio.create_task(stamper.run())
        await until("it is told", lambda: stamper.refusals)
        running.cancel()
        await asyncio.wait([running], timeout=PATIENCE_S)
    await asyncio.to_thread(book.close)
    assert stamper.unreachable and "root" in next(iter(stamper.refusals.values()))
    assert {"token-unchecked", "no-witness"} <= {f.code for f in findings_at(tmp_path / "root")}
    assert {f.authority for f in findings_at(tmp_path / "root", [authority.root]) if f.code == "stamped"} == {"CN=one"}
