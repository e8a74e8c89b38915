"""The memory of a server's process: large pages, and no search for garbage in what stays.

What the plane keeps for each viewer, and libsrtp and OpenSSL beside it, lies scattered over the heap: every packet to
another viewer begins with page-table walks, 5 to 15 % of what relaying costs on a virtual machine. Where the
kernel grants huge pages to those who ask (`madvise`, the default of Debian), glibc asks for its heap when told to.

Replaces the process, once, before it has done anything.

The records of a large directory are a million objects. Python's collector would look through them again and again while
they are made, and whenever as many new ones have come; each time the control loop stands still for half a second.
"""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator

_TUNABLE = "glibc.malloc.hugetlb"


def ask_for_huge_pages() -> None:
    """Start this command again with glibc told to use huge pages; return where it has been told already.

    glibc reads its tunables (info libc, "Memory Allocation Tunables") at the start of a process only. Another C
    library ignores them. `GLIBC_TUNABLES=glibc.malloc.hugetlb=0` in the environment leaves pages as they are.
    """
    told = os.environ.get("GLIBC_TUNABLES", "")
    if _TUNABLE in told:
        return
    os.environ["GLIBC_TUNABLES"] = ":".join(filter(None, (told, f"{_TUNABLE}=1")))
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


@contextlib.contextmanager
def staying() -> Iterator[None]:
    """What is made within is taken to stay: the collector looks for no garbage there, neither now nor later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
