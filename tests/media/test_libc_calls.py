"""What forwarding asks of the C library: no memory once warm, and many datagrams by one call.

Not beside the plane's other tests: those run under AddressSanitizer too, which has an allocator of its own.
"""

from pathlib import Path

from tests.media.preloaded import run_preloaded


def test_forwarding_asks_for_no_memory_and_reads_many_datagrams_at_once(tmp_path: Path) -> None:
    allocations, most_received = run_preloaded("tests.media.libc_calls", "tests/media/libc_calls.c", tmp_path)
    assert allocations == 0
    assert most_received > 1
