"""REMB at the socket: who is told of its uplink, what, in which packets, and who is not."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiortc.rtp import unpack_remb_fci

from tests.media.plane.packets import PSFB, RR, SDES, XR, Control, rtp, vp8
from tests.media.plane.peers import TWCC, Peer, Stage
from tests.patience import PATIENCE_S

SEND_TIME = 8
BODY = b"\0" * 900
#: Of the lying sender's clock beside ours: its packets seem to wait longer and longer.
SLOW = 0.5


@dataclass
class Sender:
    """Sends pictures that say when they were sent, by a clock that goes `pace` times as fast as ours."""

    peer: Peer
    ssrc: int
    pace: float = 1.0
    sequence: int = 0

    def send(self, now: float) -> None:
        told = (round(now * self.pace * 2**18) & 0xFFFFFF).to_bytes(3, "big")
        packet = rtp(
            self.sequence, vp8(self.sequence, key=True, body=BODY), ssrc=self.ssrc, extensions={3: told, 4: told[:2]}
        )
        self.sequence += 1
        self.peer.send(packet)


def rembs(peer: Peer) -> list[Control]:
    return [item for item in peer.read().control if item.kind == PSFB and item.count == 15]


def send_until(senders: list[Sender], done: Callable[[], bool]) -> None:
    """Let all send until that is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        now = time.monotonic()
        assert now < deadline, "in vain: REMB"
        for sender in senders:
            sender.send(now)
        senders[0].peer.settle()


def test_only_who_agreed_to_remb_and_has_a_full_uplink_is_told_of_it(stage: Stage) -> None:
    agreed = {SEND_TIME: 3}
    full, free = stage.peer(receive_ids=agreed, local_ssrc=9, reduced_size=True), stage.peer(receive_ids=agreed)
    unasked, wide = stage.peer(receive_ids=agreed), stage.peer(receive_ids={**agreed, TWCC: 4})
    untimed = stage.peer()
    for peer in (full, free, untimed):
        peer.publish(stage.track(), ssrcs=[(77, 0)], remb=True)
    for peer in (unasked, wide):
        peer.publish(stage.track(), ssrcs=[(77, 0)])
    senders = [Sender(peer, 77, 1.0 if peer is free else SLOW) for peer in (full, free, unasked, wide, untimed)]
    compounds = full.received.compounds
    # Beside a receiver report, and at once where it fell.
    send_until(senders, lambda: [RR, SDES, XR, PSFB] in compounds and [PSFB] in compounds)
    for item in rembs(full):
        bps, ssrcs = unpack_remb_fci(item.body[8:])
        assert (item.ssrc, item.media_ssrc, ssrcs) == (9, 0, [77])
        assert 50_000 <= bps <= 1_000_000_000
    for peer in (free, unasked, wide, untimed):
        assert rembs(peer) == [], "told, though not asked for, or nothing to tell"


def test_absurd_sending_times_move_nothing_but_ones_own_remb(stage: Stage) -> None:
    liar, honest = stage.peer(receive_ids={SEND_TIME: 3}), stage.peer(receive_ids={SEND_TIME: 3})
    for peer in (liar, honest):
        peer.publish(stage.track(), ssrcs=[(77, 0)], remb=True)
    made = [Sender(liar, 77, SLOW), Sender(honest, 77)]
    send_until(made, lambda: len(rembs(liar)) > 0)
    # Up and down by up to 32 s from packet to packet.
    made[0].pace = 7919.0
    known = len(rembs(liar))
    send_until(made, lambda: len(rembs(liar)) >= known + 3)
    for item in rembs(liar):
        assert 50_000 <= unpack_remb_fci(item.body[8:])[0] <= 1_000_000_000
    assert rembs(honest) == []
    assert stage.drops == {}
