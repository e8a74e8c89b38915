"""The nonce rule where the viewer is on another plane thread than its publisher, and where AES-GCM has 256 bits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.objects import PlaneRoute
from tests.media.plane.peers import CM, GCM, Peer, Stage, closed_after, staged
from tests.media.plane.test_nonce import EDGES, STEPS, Ledger, Scene

GCM_256 = "SRTP_AEAD_AES_256_GCM"


class FarViewer(Peer):
    """A viewer on the far thread, who watches the near track's mirror there."""

    def __init__(self, stage: Stage, **options: Any) -> None:
        super().__init__(stage, plane=stage.threads[1], **options)

    def watch(self, track: Any, ssrc: int = 1000, **options: Any) -> PlaneRoute:
        far = self.stage.track(plane=self.plane)
        self.stage.mirror(track, far)
        return super().watch(far, ssrc, **options)


class FarStage(Stage):
    """A stage of two threads; whoever is no plain publisher is a viewer on the far one."""

    def __init__(self) -> None:
        super().__init__(max_ssrcs=16)
        self.another()

    def peer(self, **options: Any) -> Peer:
        if options.get("plain"):
            return super().peer(**options)
        viewer = FarViewer(self, **options)
        self.peers.append(viewer)
        return viewer


def run(stage: Stage, profile: str, repair: bool, first_in: int, first_out: int, seed: int, steps: list[str]) -> Scene:
    scene = Scene(stage, profile, repair, first_in, first_out, seed)
    if profile == GCM_256:
        scene.ledger = Ledger(GCM)  # the rule for both is one
    does = scene.steps()
    scene.pictures(2, key=True)
    for step in steps:
        does[step]()
        stage.settle()
    scene.look()
    scene.drops = scene.viewer.transport.stats()["drops"]
    return scene


scenes = {
    "repair": st.booleans(),
    "first_in": st.sampled_from(EDGES),
    "first_out": st.sampled_from(EDGES),
    "seed": st.integers(0, 2**32 - 1),
    "steps": st.lists(st.sampled_from(STEPS), min_size=4, max_size=20),
}


@settings(max_examples=100)
@given(profile=st.sampled_from([GCM, CM, GCM_256]), **scenes)
def test_no_nonce_protects_two_texts_on_the_far_thread(profile: str, **how: Any) -> None:
    with closed_after(FarStage()) as stage:
        scene = run(stage, profile, **how)
    assert scene.ledger.reused == []
    # The plane itself never tries: libsrtp's refusal would lose the packet.
    assert "protect" not in scene.drops
    if profile != CM:
        assert scene.refused == 0


@settings(max_examples=40)
@given(**scenes)
def test_no_nonce_protects_two_texts_with_256_bits(**how: Any) -> None:
    with staged(max_ssrcs=16) as stage:
        scene = run(stage, GCM_256, **how)
    assert scene.ledger.reused == []
    assert "protect" not in scene.drops
    assert scene.refused == 0


@pytest.mark.parametrize(("profile", "repair"), [(GCM, True), (GCM_256, True), (CM, False)])
def test_the_far_scene_does_what_it_is_meant_to(profile: str, repair: bool) -> None:
    calm = ["pictures", "late", "look", "storm", "look", "switch", "keyframe", "pause", "pictures", "pause", "keyframe"]
    with closed_after(FarStage()) as stage:
        scene = run(stage, profile, repair, 65_500, 65_500, 1, calm * 4)
    assert scene.entered > 200
    if repair:
        assert {ssrc for ssrc, _ in scene.ledger.seen} == {1000, 1001} and scene.ledger.repeated == 0
    else:
        assert scene.ledger.repeated > 10
