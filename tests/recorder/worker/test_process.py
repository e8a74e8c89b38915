"""The worker as a process: killed, left alone, fed with garbage, on a disk that is full or stands still."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from media.plane.tapring import DROP_NEWEST, TapRingView
from recorder.files import Codec
from recorder.worker import wire
from recorder.worker.hand import Hand
from tests.patience import PATIENCE_S, until
from tests.recorder.files.frames import decoded
from tests.recorder.files.player import Player
from tests.recorder.worker.studio import TRACKS, Studio, program

KILLS = int(os.environ.get("RECORDER_KILLS", "3"))
ROOT = Path(__file__).parents[3]
LOST_US = 1_000_000


@pytest_asyncio.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    studio = Studio(tmp_path)
    await studio.start()
    await studio.ready()
    yield studio
    await studio.close()


def _tells(closed: wire.Closed, why: str) -> bool:
    return any(gap.why.value == why and gap.t1 - gap.t0 < LOST_US for gap in closed.ended.gaps)


def kept(studio: Studio) -> None:
    """Nothing but a second around each death is missing, and every file is read to its end."""
    for track in studio.senders:
        assert studio.lost_us(track) < LOST_US, track
        numbers = [facts.label.number for facts in studio.facts(track)]
        assert numbers == list(range(1, len(numbers) + 1))
        for facts in studio.facts(track):
            path = studio.root / "tracks" / track / facts.name
            # A tone has a sample where a picture has a frame.
            assert decoded(path) >= facts.frames
            command = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
            assert done.stderr == "" and facts.label.track.codec.value in done.stdout


@pytest.mark.asyncio(loop_scope="package")
async def test_worker_killed_at_any_moment_costs_a_second_and_every_file_plays(tmp_path: Path, player: Player) -> None:
    studio, chance = Studio(tmp_path), random.Random(20261123)
    await studio.start()
    await studio.ready()
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.5, 2.0))
        await studio.kill()
    await until("what comes then", lambda: len(studio.heard(wire.Recovered)) >= KILLS * len(TRACKS))
    await studio.writes()
    await studio.close()
    kept(studio)
    told = {each.facts.name for each in studio.said if isinstance(each, wire.Closed | wire.Recovered)}
    after = {each.facts.label.track.track for each in studio.heard(wire.Closed) if _tells(each, "worker")}
    assert after == set(studio.senders)
    for track in studio.senders:
        assert told >= {facts.name for facts in studio.facts(track)}
        for facts in studio.facts(track)[:2]:
            seen = await player.play(tmp_path / "tracks" / track / facts.name, facts)
            assert len(seen["ranges"]) == 1


async def test_track_that_ends_the_worker_twice_is_refused_and_the_others_go_on(tmp_path: Path) -> None:
    studio = Studio(tmp_path, program=program("tests.recorder.worker.fragile"))
    await studio.start()
    fragile = TRACKS[Codec.H264]
    order = studio.process.open
    order(fragile, 1, studio.senders[fragile].route, {"unit": "fragile"})
    refused = [wire.TrackClosed(fragile, (), "kills-worker")]
    await until("it is refused", lambda: studio.heard(wire.TrackClosed) == refused)
    await studio.ready()
    assert len(studio.alarms("worker-lost")) == 2
    await studio.writes()
    await studio.close()
    for track in set(TRACKS.values()) - {fragile}:
        assert studio.facts(track)
    assert not list((tmp_path / "tracks" / fragile).iterdir())


async def test_worker_that_hangs_is_killed_and_another_goes_on(tmp_path: Path) -> None:
    studio = Studio(tmp_path, [Codec.OPUS], silence_s=3.0)
    await studio.start()
    await studio.writes()
    pid = studio.process.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    await until("the loss is told", lambda: studio.alarms("worker-lost"))
    await studio.ready()
    await studio.close()
    assert studio.lost_us(TRACKS[Codec.OPUS]) < LOST_US


async def test_garbage_ends_neither_the_worker_nor_the_tracks_beside_it(studio: Studio) -> None:
    chance, pid = random.Random(1), studio.process.pid
    track = "01KARR5QKB0000000000000009"
    studio.process.open(track, 1, 99, {})
    good = studio.senders[TRACKS[Codec.H264]]
    real = [record.packet for at in range(20) for record in good.next(time.monotonic_ns() // 1000 + at * 50_000)]
    for _ in range(3000):
        packet = bytearray(chance.choice(real) if chance.random() < 0.7 else chance.randbytes(chance.randrange(1400)))
        for _ in range(chance.randrange(6)):
            if packet:
                packet[chance.randrange(len(packet))] = chance.randrange(256)
        cut = chance.choice((len(packet), chance.randrange(len(packet) + 1)))
        studio.ring.write(bytes(packet[:cut]), route=99, monotonic_ns=time.monotonic_ns(), ssrc=chance.randrange(20))
    before = max(each.records for each in studio.heard(wire.Statistics)) if studio.heard(wire.Statistics) else 0
    await until("it is read", lambda: any(each.records > before + 3000 for each in studio.heard(wire.Statistics)))
    studio.process.close_track(track)
    await until("it is closed", lambda: [each for each in studio.heard(wire.TrackClosed) if each.track == track])
    assert studio.process.pid == pid and not studio.alarms("worker-lost")
    assert [each.failed for each in studio.heard(wire.TrackClosed)] == [""]
    await studio.stop()
    for other in studio.senders:
        studio.process.close_track(other)
    await until("all", lambda: len(studio.heard(wire.TrackClosed)) == 4)
    assert all(studio.facts(other) for other in studio.senders)


async def test_hold_and_close_are_obeyed_and_a_track_is_told_closed_behind_its_last_segment(studio: Studio) -> None:
    track = TRACKS[Codec.OPUS]
    await studio.writes()
    studio.process.hold(track)
    await until("its segment", lambda: [each for each in studio.heard(wire.Closed)])
    # A worker that is begun again is told of it.
    await studio.kill()
    assert len(studio.facts(track)) == 1
    studio.process.go_on(track)
    studio.process.close_track(track)
    await until("the end", lambda: studio.heard(wire.TrackClosed))
    (closed,) = studio.heard(wire.TrackClosed)
    assert closed.track == track and not closed.failed


async def test_utc_of_a_segment_is_what_was_told_before_it_began(studio: Studio) -> None:
    """A step that is told while it is written moves neither it nor its times."""
    track, offset_ns = TRACKS[Codec.OPUS], 1_763_900_000_000_000_000
    studio.process.hold(track)
    studio.process.set_offset(offset_ns)
    studio.process.go_on(track)
    await studio.writes()
    studio.process.set_offset(offset_ns + 3600 * 10**9)
    await studio.writes()
    studio.process.hold(track)

    def closed() -> list[wire.Closed]:
        told = [each for each in studio.heard(wire.Closed) if each.facts.label.track.track == track]
        return [each for each in told if each.ended.offset_ns == offset_ns]

    await until("the segment", closed)
    segment = closed()[0]
    now_us = (time.monotonic_ns() + offset_ns) // 1000
    assert now_us - PATIENCE_S * 10**6 < segment.facts.t0 < segment.facts.t1 < now_us


async def test_what_the_ring_had_no_room_for_is_told(tmp_path: Path) -> None:
    studio = Studio(tmp_path, [Codec.OPUS])
    sender = studio.senders[TRACKS[Codec.OPUS]]
    studio.ring = TapRingView(16 << 10, DROP_NEWEST)
    for at in range(400):
        (record,) = sender.next(at * 20_000)
        studio.ring.write(record.packet, route=1, monotonic_ns=at * 20_000_000, ssrc=1, sequence=record.sequence)
    await studio.start()
    await until("the loss", lambda: studio.alarms("ring-lost"))
    assert studio.alarms("ring-lost")[0].count > 200
    await studio.writes()
    await studio.close()
    assert "ring" in {gap.why.value for each in studio.heard(wire.Closed) for gap in each.ended.gaps}


@pytest.mark.parametrize("drains", [True, False])
def test_worker_whose_server_is_gone_reads_the_rest_closes_its_files_and_ends(drains: bool, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ring, hand = TapRingView(1 << 20, DROP_NEWEST), Hand.create()
    studio = Studio(tmp_path, [Codec.OPUS])
    track = TRACKS[Codec.OPUS]
    command = [sys.executable, "-m", "recorder.worker", str(theirs.fileno())]
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()]) as worker:
        theirs.close()
        socket.send_fds(
            ours, [wire.write(wire.Begin(wire.VERSION, str(tmp_path), 1_763_900_000 * 10**9, True))], [hand]
        )
        socket.send_fds(ours, [wire.write(wire.AddRing(1))], ring.fds())
        ours.send(wire.write(wire.Open(track, 1, 1, 0)))
        assert isinstance(wire.read_answer(ours.recv(wire.MAX_BYTES)), wire.Ready)
        for at in range(100 if drains else 50):
            (record,) = studio.senders[track].next(at * 20_000)
            ring.write(record.packet, route=1, monotonic_ns=at * 20_000_000, ssrc=1, sequence=record.sequence)
        ours.close()
        assert worker.wait(PATIENCE_S) == 0
    (facts,) = studio.facts(track)
    assert not facts.recovered and facts.frames == (100 if drains else 50)
    os.close(hand)


def test_answers_that_a_worker_must_not_give_are_refused() -> None:
    chance = random.Random(3)
    good = wire.write(wire.Alarm("disk-full", 3, "x"))
    for _ in range(2000):
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] = chance.randrange(256)
        try:
            wire.read_answer(bytes(bad))
        except ValueError:
            continue
    for bad_one in (b"", b"\xc1", good[:-1], wire.write(wire.Ready(2)), wire.write(wire.End())):
        with pytest.raises(ValueError):
            wire.read_answer(bad_one)
    with pytest.raises(ValueError):
        wire.read_answer(wire.write(wire.KeyframeWanted("../../etc/passwd")))
