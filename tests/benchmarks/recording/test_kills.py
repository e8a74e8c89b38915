"""Kills of worker and server: what they cost is read from what was sent and what is kept; and a short story of some."""

from __future__ import annotations

from benchmarks.recording import kills
from benchmarks.recording.kills import FRAME_US, Cost, Kill, costs
from benchmarks.recording.known import Key, Note, Place, Seen
from benchmarks.report import Report

SECOND = 1_000_000
SOUND: Key = ("camera", "audio")


def sent(lost: set[int], *, until: int = 1000, silent: range = range(0), twice: int = -1) -> dict[Key, list[Seen]]:
    """Frames every 20 ms, some of which are in no file, and a time without any, behind which another session is."""
    found = []
    for number in range(until):
        if number in silent:
            continue
        at_us = number * FRAME_US["audio"]
        places = (Place("file", at_us),) * (0 if number in lost else 2 if number == twice else 1)
        found.append(Seen(Note(*SOUND, str(number), at_us, 2 if silent and number >= silent.stop else 1), places))
    return {SOUND: found}


def test_lost_is_what_is_missing_around_a_kill_and_the_rest_is_missing_without_a_reason() -> None:
    around = {*range(480, 498), *range(505, 510)}
    (cost,), elsewhere = costs(sent(around | {100}, twice=200), [Kill("worker", 10 * SECOND)])
    assert cost == Cost(SOUND, (Kill("worker", 10 * SECOND),), 23 * 20_000, 0, 0)
    assert elsewhere == 2


def test_of_a_killed_server_lost_is_what_had_arrived_and_its_absence_is_told_apart() -> None:
    kill = Kill("server", 10 * SECOND)
    frames = sent({*range(490, 505), *range(600, 610)}, silent=range(505, 600))
    (cost,), elsewhere = costs(frames, [kill])
    assert cost == Cost(SOUND, (kill,), 11 * 20_000, 610 * 20_000 - kill.at_us, 10 * 20_000)
    assert elsewhere == 0


def test_kills_one_right_after_another_share_what_is_lost() -> None:
    some = (Kill("worker", 10 * SECOND), Kill("worker", 11 * SECOND))
    later = Kill("worker", 15 * SECOND)
    found, _ = costs(sent({*range(480, 520), *range(740, 745)}), [*some, later])
    assert [(cost.kills, cost.lost_us) for cost in found] == [(some, 20 * 20_000), ((later,), 5 * 20_000)]


def test_worker_and_server_that_are_killed_cost_less_than_a_second_and_what_is_kept_plays_and_verifies() -> None:
    report = Report("kills")
    kills.run(report, kills=2, seed=5, longest_s=1.0)
    assert [(each.name, each.value) for each in report.figures if each.holds is False] == [], report.notes
    assert sum(each.holds is True for each in report.figures) == 6
