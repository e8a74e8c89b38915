"""What a start shows: the link of the first administrator, the demonstration's, or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import argon2
import pytest_asyncio

from dispatch.desk.coordinator import Coordinator
from dispatch.desk.keeping import JournalKeeper
from dispatch.entry import Origin
from dispatch.hlc import HybridClock
from dispatch.journal import Journal
from dispatch.tables import Tables
from huishang.beginning import Beginning
from huishang.server import Node
from signaling.auth.passwords import Passwords
from signaling.auth.signin import Shown, SignIn
from signaling.auth.tokens import Key, Tokens

URL = "https://node:8443"


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    journal = Journal.open(tmp_path, "node")
    coordinator = Coordinator(Tables(), HybridClock(), JournalKeeper(journal), "node")
    coordinator.start()
    passwords = Passwords(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    signin = SignIn(coordinator, Tokens([Key(id="k", secret=b"k" * 32, made_us=0)], "node"), passwords, "node")
    yield Node(coordinator, signin)
    await signin.close()
    passwords.close()
    await coordinator.close()
    await asyncio.to_thread(journal.close)


async def test_first_start_gives_a_link_that_makes_the_administrator(node: Node) -> None:
    beginning = Beginning(demonstration=False)
    await beginning(node)
    link = beginning.link(URL)
    assert link.startswith(f"{URL}/#welcome=") and beginning.sources == {}
    shown = Shown(link.partition("=")[2], "right-horse-8", "chief", "陈明", "四川省应急管理厅")
    signed = await node.signin.by_welcome(shown, Origin())
    assert [role.name for role in signed.person.roles] == ["administrator"]
    later = Beginning(demonstration=False)
    await later(node)
    assert (later.code, later.link(URL)) == ("", f"{URL}/")


async def test_demonstration_leads_its_chair_into_its_consultation(node: Node) -> None:
    beginning = Beginning(demonstration=True)
    await beginning(node)
    signed = await node.signin.by_welcome(Shown(beginning.code), Origin())
    consultation = node.coordinator.tables.consultations.get(signed.consultation)
    assert consultation.chair == signed.person.id
    assert beginning.sources and set(beginning.sources.values()) <= {
        item.id for item in node.coordinator.tables.endpoints
    }


async def test_demonstration_on_a_node_that_is_in_use_gives_its_own_link(node: Node) -> None:
    beginning = Beginning(demonstration=True)
    await beginning(node)
    again = Beginning(demonstration=True)
    await again(node)
    assert len({unit.name_zh for unit in node.coordinator.tables.units}) == len(node.coordinator.tables.units)
    assert again.sources in (beginning.sources, {})
