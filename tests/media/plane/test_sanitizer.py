"""AddressSanitizer is really on where `make asan` runs the plane's tests: otherwise all their silence means nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

import media.plane
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.asan

ROOM = 8
#: Hands the plane an aggregate (RFC 6184 section 5.7.1) of one unit; what is claimed beyond it is read as a length.
READ_PAYLOAD = """
import ctypes, sys
from media.plane.codec import starts_keyframe
libc = ctypes.CDLL(None)
libc.calloc.restype = ctypes.c_void_p
room, claimed = map(int, sys.argv[1:])
payload = (ctypes.c_char * claimed).from_address(libc.calloc(1, room))
payload[0], payload[2], payload[3] = 24, 5, 1
print(starts_keyframe("H264", payload))
"""


def read_payload(claimed_bytes: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", READ_PAYLOAD, str(ROOM), str(claimed_bytes)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_a_read_past_the_end_inside_the_plane_ends_the_process_with_a_report() -> None:
    honest, lying = read_payload(ROOM), read_payload(ROOM + 1000)
    assert (honest.returncode, honest.stdout) == (0, "False\n"), honest.stderr
    assert lying.returncode != 0
    assert "AddressSanitizer: heap-buffer-overflow" in lying.stderr
    assert "codec.c" in lying.stderr, "not found in the plane's own code"


def test_every_module_of_the_plane_is_instrumented() -> None:
    (folder,) = map(Path, media.plane.__path__)
    libraries = sorted(folder.glob("*.so"))
    assert len(libraries) == len(list(folder.glob("*.pyx")))
    assert [library.name for library in libraries if b"__asan_report_" not in library.read_bytes()] == []
