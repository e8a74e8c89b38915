"""A node with several addresses, of both families or of one, for a browser on another machine."""

from pathlib import Path

import pytest

from tests.media.plane.namespace import run_alone
from tests.peers.addresses import FOUR, LOST, SIX

#: Starts five servers and a browser twice.
SECONDS = 170


@pytest.mark.timeout(SECONDS + 30)
def test_browser_comes_through_at_whichever_address_it_reaches(tmp_path: Path) -> None:
    """Each case has shown the right picture and heard the right tone before it tells anything."""
    found = run_alone("addresses", str(tmp_path), package="tests.peers", seconds=SECONDS)
    two = [[protocol, address] for protocol in ("udp", "tcp") for address in (LOST, FOUR)]
    for protocol in ("udp", "tcp"):
        case = found[f"second-{protocol}"]
        assert case == {"offered": two, "used": [[protocol, FOUR]] * 2}
    both = [[protocol, address] for protocol in ("udp", "tcp") for address in (FOUR, SIX)]
    assert found["both-four"] == {"offered": both, "used": [["udp", FOUR]] * 2}
    assert found["both-six"] == {"offered": both, "used": [["udp", SIX]] * 2}
    assert found["six-alone"] == {"offered": [["udp", SIX], ["tcp", SIX]], "used": [["udp", SIX]] * 2}
