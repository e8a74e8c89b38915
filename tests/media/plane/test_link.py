"""Batches over a link that does not segment by itself: a veth pair between two network namespaces.

The loopback and a veth pair as it comes carry a whole run as one frame, so they prove nothing of what other machines
see. Frames are counted at the far end, before its kernel could put anything together or take it apart.
"""

import pytest

from tests.media.plane.far_end import PAYLOAD_BYTES
from tests.media.plane.namespace import run_alone

PACKETS_A_PICTURE = 7
MTU_BYTES = 1500


def test_a_link_that_segments_carries_a_picture_as_one_frame() -> None:
    """What the tests below switch off is on by default."""
    for sent in run_alone("far_end"):
        (frame,) = sent.pop("frames")
        assert frame > PACKETS_A_PICTURE * PAYLOAD_BYTES
        assert sent == {"intact": True, "messages": 1, "segmentation": True, "drops": {}}


@pytest.mark.parametrize(
    "switched_off",
    [["tx-udp-segmentation"], ["tx-udp-segmentation", "gso"], ["tx-udp-segmentation", "gso", "sg"]],
    ids=" ".join,
)
def test_without_segmentation_in_the_link_every_packet_is_a_frame_of_its_own(switched_off: list[str]) -> None:
    for sent in run_alone("far_end", *switched_off):
        frames = sent.pop("frames")
        assert len(frames) == PACKETS_A_PICTURE
        assert PAYLOAD_BYTES < min(frames) == max(frames) <= MTU_BYTES
        assert sent == {"intact": True, "messages": 1, "segmentation": True, "drops": {}}


def test_without_checksums_in_the_link_every_packet_arrives() -> None:
    """Some kernels refuse UDP_SEGMENT then and the plane sends one by one; later ones segment by themselves."""
    for sent in run_alone("far_end", "tx"):
        assert len(sent["frames"]) == PACKETS_A_PICTURE
        assert (sent["intact"], sent["drops"]) == (True, {})
