"""Lost access is told while it happens, over a real coordinator and the wall clock."""

from __future__ import annotations

import time

import structlog

from dispatch.acts import people
from dispatch.acts.signin import End
from dispatch.entry import Origin
from dispatch.permissions import SYSTEM
from dispatch.records import Login
from signaling.auth.revocation import Lost
from signaling.auth.watch import Watch
from tests.dispatch.acts.state import OFFICER
from tests.patience import until
from tests.signaling.auth.front import Front


async def begin(front: Front) -> str:
    return (await front.signin.by_password("officer", "right-horse-8", Origin())).login.id


async def test_ended_login_is_told_before_its_ending_is_answered(front: Front) -> None:
    told: list[Lost] = []
    front.watch.listen(told.append)
    login = await begin(front)
    await front.coordinator.act(End(login=login), SYSTEM, Origin())
    assert told == [Lost("login", login, "ended")]


async def test_login_that_runs_out_is_told_by_the_clock_also_when_it_was_loaded(front: Front) -> None:
    tables, soon_us = front.coordinator.tables, time.time_ns() // 1000 + 300_000
    tables.logins.put(Login(id="loaded", person=OFFICER, begun_us=1, until_us=soon_us))
    tables.commit()
    told: list[Lost] = []
    watch = Watch(front.coordinator)
    watch.listen(told.append)
    watch.start()
    await until("the login told", lambda: told)
    assert told == [Lost("login", "loaded", "ran-out")] and time.time_ns() // 1000 >= soon_us
    watch.close()


async def test_fault_of_one_listener_keeps_nothing_from_the_others_and_who_left_hears_nothing(front: Front) -> None:
    told: list[Lost] = []
    left: list[Lost] = []

    def fault(lost: Lost) -> None:
        raise RuntimeError("a bug of a listener")

    front.watch.listen(fault)
    front.watch.listen(left.append)()
    front.watch.listen(told.append)
    with structlog.testing.capture_logs() as events:
        await front.coordinator.act(people.Disable(person=OFFICER), SYSTEM, Origin())
    assert told == [Lost("person", OFFICER, "disabled")] and left == []
    assert [event["event"] for event in events] == ["lost_access_not_handled"]


async def test_closed_watch_tells_nothing_and_closes_twice(front: Front) -> None:
    told: list[Lost] = []
    front.watch.listen(told.append)
    front.watch.close()
    front.watch.close()
    await front.coordinator.act(people.Disable(person=OFFICER), SYSTEM, Origin())
    assert told == []
