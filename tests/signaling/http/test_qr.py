"""Texts become QR codes that say them, for who is signed in."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import segno

from signaling.http import qr
from tests.signaling.http.asking import ask, problem
from tests.signaling.http.county import County, running_county

PATH = "/api/v1/qr"


@pytest_asyncio.fixture
async def county(tmp_path: Path) -> AsyncIterator[County]:
    async with running_county(tmp_path) as county:
        yield county


async def made(county: County, name: str | None, body: Any) -> Any:
    """The rows, or the code of the refusal."""
    async with county.client(name) as http:
        answer = await ask(http, "POST", PATH, json=body)
    return json.loads(answer.body)["rows"] if answer.status == 200 else problem(answer, answer.status)


@pytest.mark.parametrize("text", ["https://node.example/#welcome=01J.aB3", "竹园镇 📡", "x" * 512, "\U0001f4e1" * 512])
async def test_code_says_the_text(county: County, text: str) -> None:
    rows = await made(county, "newcomer", {"text": text})
    assert len({len(row) for row in rows} | {len(rows)}) == 1 and set("".join(rows)) == {"0", "1"}
    # That these modules say the text is the library's to prove; that all of them arrive, in their order, is ours.
    wanted = segno.make_qr(text, error="l", boost_error=True, encoding="utf-8").matrix
    assert [[int(module) for module in row] for row in rows] == [list(row) for row in wanted]
    assert rows != await made(county, "newcomer", {"text": f"{text[:-1]}y"})


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "x" * 513}, {"text": 1}, []])
async def test_what_is_no_text_is_refused(county: County, body: Any) -> None:
    assert await made(county, "newcomer", body) == "body-invalid"


async def test_nobody_has_codes_made_without_signing_in(county: County) -> None:
    assert await made(county, None, {"text": "x"}) == "unauthorized"
    assert await made(county, "the-node", {"text": "x"}) == "person-needed"


async def test_more_texts_than_may_wait_are_refused(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qr, "MAX_WAITING", 0)
    assert await made(county, "newcomer", {"text": "x"}) == "node-busy"


async def test_text_is_made_beside_the_control_loop(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    make = qr._rows

    def seen(text: str) -> tuple[str, ...]:
        threads.append(threading.current_thread().name)
        return make(text)

    monkeypatch.setattr(qr, "_rows", seen)
    assert await made(county, "newcomer", {"text": "x"})
    assert threads != [] and threading.main_thread().name not in threads
