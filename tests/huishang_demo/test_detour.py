import pytest
from hypothesis import given
from hypothesis import strategies as st

from huishang.demo.detour import best_candidate, redirect_candidates

ANSWER = "\r\n".join(
    [
        "v=0",
        "m=video 9 UDP/TLS/RTP/SAVPF 102",
        "a=candidate:1 1 udp 2130706431 ::1 8189 typ host",
        "a=candidate:2 1 udp 2113937151 127.0.0.1 8189 typ host",
        "a=candidate:3 1 tcp 2113937999 127.0.0.1 443 typ host tcptype passive",
        "a=mid:0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=candidate:2 1 udp 2113937151 127.0.0.1 8189 typ host",
        "",
    ]
)


def test_best_ipv4_udp_candidate_is_the_target() -> None:
    assert best_candidate(ANSWER) == ("127.0.0.1", 8189)


def test_only_the_relay_is_left_as_candidate_of_each_line() -> None:
    redirected = redirect_candidates(ANSWER, ("127.0.0.1", 5000))
    candidates = [line for line in redirected.split("\r\n") if line.startswith("a=candidate")]
    assert candidates == [
        "a=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host",
        "a=candidate:2 1 udp 2113937151 127.0.0.1 5000 typ host",
    ]
    others = [line for line in ANSWER.split("\r\n") if not line.startswith("a=candidate")]
    assert [line for line in redirected.split("\r\n") if not line.startswith("a=candidate")] == others


@pytest.mark.parametrize("text", ["", "a=candidate:", "a=candidate:1 1 udp x 1.2.3.4 y typ host", "v=0\r\n"])
def test_no_candidate_is_none(text: str) -> None:
    assert best_candidate(text) is None


@given(st.lists(st.sampled_from([*ANSWER.split("\r\n"), "a=candidate:x", "m=x"])))
def test_any_answer_is_survived(lines: list[str]) -> None:
    text = "\r\n".join(lines)
    best_candidate(text)
    redirected = redirect_candidates(text, ("127.0.0.1", 1))
    assert best_candidate(redirected) in (None, ("127.0.0.1", 1))
